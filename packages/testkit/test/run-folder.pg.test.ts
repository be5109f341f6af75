import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, readdir, readlink, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  startPrimary,
  temporaryFolder,
  unprivilegedUser,
  usableBinaries,
  waitUntil,
} from '@slotcast/testkit';

const TIMEOUT_MS = 180_000;

/** A test process as it is when it gets killed: a server runs, and what it printed is the data folder. */
function spawnAbandoningProcess(): ChildProcess {
  const program = `
    import { startPrimary } from '@slotcast/testkit';
    const primary = await startPrimary({ major: 18 });
    console.log(primary.dataFolder);
    setInterval(() => undefined, 1000);`;
  return spawn(
    process.execPath,
    ['--conditions=source', '--import', 'tsx', '--input-type=module', '--eval', program],
    { cwd: dirname(fileURLToPath(import.meta.url)), stdio: ['ignore', 'pipe', 'inherit'] },
  );
}

async function processesIn(folder: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const inside = await Promise.all(
    pids.map(async (pid) => {
      // Processes end while they are looked at, and those of other users do not tell their folder.
      const workingFolder = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      return workingFolder.startsWith(folder) ? [pid] : [];
    }),
  );
  return inside.flat();
}

for (const signal of ['SIGKILL', 'SIGINT'] as const) {
  test(`servers and folders of a test process vanish when ${signal} ends it`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    const child = spawnAbandoningProcess();
    assert.ok(child.stdout);
    const dataFolder = String((await once(createInterface(child.stdout), 'line'))[0]);
    const runFolder = dirname(dirname(dataFolder));
    assert.notDeepEqual(await processesIn(runFolder), []);
    child.kill(signal);
    await once(child, 'close');
    await waitUntil(
      async () => {
        const folder = await stat(runFolder).catch(() => undefined);
        return folder === undefined && (await processesIn(runFolder)).length === 0;
      },
      { describe: `the end of all processes in ${runFolder} and of the folder` },
    );
  });
}

test('programs in a folder that the server’s user may not enter are used from a copy', {
  timeout: TIMEOUT_MS,
  skip: unprivilegedUser() === undefined && 'only root runs servers as another user',
}, async () => {
  await using primary = await startPrimary({ major: 18 });
  const [installed] = await primary.query<{ folder: string }>(
    "select setting as folder from pg_config where name = 'BINDIR'",
  );
  assert.ok(installed);
  const closed = await temporaryFolder('closed');
  const checkout = join(closed, 'checkout');
  await cp(dirname(dirname(installed.folder)), checkout, { recursive: true, verbatimSymlinks: true });
  await chmod(closed, 0o700);
  const binaries = await usableBinaries(checkout, unprivilegedUser());
  assert.ok(!binaries.postgres.startsWith(closed), binaries.postgres);
  await stat(binaries.initdb);
});
