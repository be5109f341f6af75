import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fillRestoreCommand, runRestoreCommand } from '@slotcast/rebuild';
import { temporaryFolder, waitUntil } from '@slotcast/testkit';

const options = { timeout: 30_000 };

async function restore(
  command: string,
  timeoutMs = 10_000,
): Promise<{ readonly failed: string | undefined; readonly folder: string }> {
  const folder = await temporaryFolder('restore');
  await chmod(folder, 0o777);
  const failed = await runRestoreCommand(
    { command, timeoutMs, signal: new AbortController().signal },
    {
      file: '000000010000000000000003',
      target: 'target',
      oldest: '000000010000000000000001',
      dataFolder: folder,
      owner: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    },
  );
  return { failed, folder };
}

/** A process that nobody has waited for yet is a zombie. */
function hasEnded(pid: number): boolean {
  try {
    return / [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

describe('a restore command', options, () => {
  test('gets the file, the place, and the oldest file, as from PostgreSQL', () => {
    const run = { file: 'F', target: 'P', oldest: 'R' };
    assert.equal(fillRestoreCommand('get %f "%p" %r 100%% %%f', run), 'get F "P" R 100% %f');
    for (const command of ['get %x', 'get %', 'get %F']) {
      assert.throws(() => fillRestoreCommand(command, run), { code: 'SC_USAGE' }, command);
    }
  });

  test('runs in the data folder', async () => {
    const { failed, folder } = await restore('echo %f > %p');
    assert.equal(failed, undefined);
    assert.equal(await readFile(join(folder, 'target'), 'utf8'), '000000010000000000000003\n');
  });

  test('that fails is told of with the last that it said', async () => {
    const { failed } = await restore('echo first >&2; echo no such file >&2; exit 3');
    assert.equal(failed, 'it ended with exit code 3: no such file');
    assert.match((await restore('kill -TERM $$')).failed ?? '', /ended with SIGTERM/);
  });

  test('that hangs is ended with all that it has started', async () => {
    const { failed, folder } = await restore('sleep 60 & echo $! > child; sleep 60', 300);
    assert.match(failed ?? '', /not done within 300 ms/);
    const child = Number(await readFile(join(folder, 'child'), 'utf8'));
    await waitUntil(() => Promise.resolve(hasEnded(child)), {
      describe: 'the end of what the command has started',
    });
  });

  test('that left its group does not hold anybody up', async () => {
    const begun = performance.now();
    const { failed } = await restore('setsid sleep 20 & sleep 60', 300);
    assert.match(failed ?? '', /not done within 300 ms/);
    assert.ok(performance.now() - begun < 10_000);
  });
});
