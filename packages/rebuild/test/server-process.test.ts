import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseBackupLabel, readServerProcess } from '@slotcast/rebuild';
import { temporaryFolder } from '@slotcast/testkit';

async function judged(text: string): Promise<string> {
  const folder = await temporaryFolder('pid');
  await writeFile(join(folder, 'postmaster.pid'), text);
  return (await readServerProcess(folder)).kind;
}

/** The number of a process that has ended. */
function deadProcess(): number {
  const { pid } = spawnSync('/bin/true');
  assert.ok(pid > 0);
  return pid;
}

describe('whether a server runs on a folder', { timeout: 20_000 }, () => {
  test('is told by its file with the process', async () => {
    assert.equal((await readServerProcess(await temporaryFolder('pid'))).kind, 'stopped');
    assert.equal(await judged(`${process.ppid}\n`), 'running');
    assert.equal(await judged(`-${process.ppid}\n`), 'running');
    assert.equal(await judged(`${deadProcess()}\n`), 'crashed');
    assert.equal(await judged(`${process.pid}\n`), 'crashed');
    // A segment that nobody has.
    assert.equal(
      await judged(`${deadProcess()}\n/data\n1\n5432\n\n*\n  5432001 2147483647\nready   \n`),
      'crashed',
    );
  });

  test('is taken for granted when the file cannot be understood', async () => {
    for (const text of ['', '\n', 'abc\n', '0\n', '1.5\n']) {
      assert.equal(await judged(text), 'running', JSON.stringify(text));
    }
  });
});

describe('a backup label', { timeout: 20_000 }, () => {
  test('says where replay begins', () => {
    const text = [
      'START WAL LOCATION: 0/2000028 (file 000000010000000000000002)',
      'CHECKPOINT LOCATION: 0/2000080',
      'BACKUP METHOD: streamed',
      'BACKUP FROM: standby',
      'START TIME: 2026-11-29 05:00:00 UTC',
      'LABEL: testkit',
      'START TIMELINE: 3',
    ].join('\n');
    assert.deepEqual(parseBackupLabel(text), { startLsn: 0x2000028n, startTimeline: 3, from: 'standby' });
    assert.equal(parseBackupLabel(text.replace('standby', 'master')).from, 'primary');
    assert.throws(() => parseBackupLabel(text.replace('standby', 'somewhere')), RangeError);
    assert.throws(() => parseBackupLabel('LABEL: x'), RangeError);
  });
});
