import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PROCESSES = 3;
const PORTS = 150;

/** Prints ports on which nobody listens yet. */
const TAKER = `
import { freePort } from '@slotcast/testkit';
const ports = [];
for (let count = 0; count < ${PORTS}; count += 1) ports.push(await freePort());
console.log(JSON.stringify(ports));
`;

async function takenBy(folder: string): Promise<readonly unknown[]> {
  const options = ['--conditions=source', '--import', 'tsx', '--input-type=module', '-e', TAKER];
  const { stdout } = await run(process.execPath, options, {
    cwd: dirname(fileURLToPath(import.meta.url)),
    env: { ...process.env, SLOTCAST_TEST_PORTS: folder },
  });
  const ports: unknown = JSON.parse(stdout);
  assert.ok(Array.isArray(ports));
  return ports;
}

test('no port is given to two processes of a run, even if nothing listens on it', {
  timeout: 120_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ports-'));
  try {
    const ports = await Promise.all(Array.from({ length: PROCESSES }, () => takenBy(folder)));
    assert.equal(new Set(ports.flat()).size, PROCESSES * PORTS);
  } finally {
    await rm(folder, { recursive: true });
  }
});
