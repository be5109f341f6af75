/**
 * Loaded into a service by `npm run bench -- --profile FOLDER`. The first SIGUSR2 starts a CPU profile, the next one writes it to
 * the folder, together with the memory that is in use before and after a garbage collection, and by whom it was allocated; and so on.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';

const FOLDER = process.env.SLOTCAST_TEST_PROFILE_FOLDER;
const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('HeapProfiler.enable');
session.post('HeapProfiler.startSampling');

let isRunning = false;
let written = 0;

function post(method) {
  return new Promise((resolve, reject) => {
    session.post(method, (error, result) => (error === null ? resolve(result) : reject(error)));
  });
}

async function write() {
  written += 1;
  const save = (kind, content) => {
    const name = `${process.argv[2]}-${process.pid}-${written}.${kind}`;
    writeFileSync(join(FOLDER, name), JSON.stringify(content));
  };
  save('cpuprofile', (await post('Profiler.stop')).profile);
  const before = process.memoryUsage();
  await post('HeapProfiler.collectGarbage');
  save('memory.json', { before, after: process.memoryUsage() });
  save('heapprofile', (await post('HeapProfiler.getSamplingProfile')).profile);
}

process.on('SIGUSR2', () => {
  isRunning = !isRunning;
  void (isRunning ? post('Profiler.start') : write());
});
