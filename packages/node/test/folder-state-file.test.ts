import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FolderStateFile } from '@slotcast/node';

const node = { cluster: 'shop', node: 'db 2/x' };

test('a state is read as it was written last, and leaves one file', { timeout: 20_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slotcast-state-'));
  try {
    const file = new FolderStateFile(folder, node);
    assert.equal(await file.read(), undefined);
    await file.write('one');
    await file.write('two');
    assert.equal(await new FolderStateFile(folder, node).read(), 'two');
    assert.equal((await readdir(folder)).length, 1);
    assert.equal(await new FolderStateFile(folder, { ...node, node: 'other' }).read(), undefined);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a folder that cannot be written is an error for whoever writes', { timeout: 20_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slotcast-state-'));
  try {
    const file = new FolderStateFile(join(folder, 'missing'), node);
    await assert.rejects(file.write('one'), { code: 'ENOENT' });
    await mkdir(join(folder, 'missing'));
    await file.write('one');
    assert.equal(await file.read(), 'one');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('what a killed process left beside goes, what another one writes now stays', {
  timeout: 20_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slotcast-state-'));
  try {
    await new FolderStateFile(folder, node).write('one');
    const [name = ''] = await readdir(folder);
    for (const [left, minutes] of [
      ['old', 5],
      ['new', 0],
    ] as const) {
      const path = join(folder, `${name}.${left}`);
      await writeFile(path, 'half');
      const time = new Date(Date.now() - minutes * 60_000);
      await utimes(path, time, time);
    }
    await new FolderStateFile(folder, node).write('two');
    assert.deepEqual((await readdir(folder)).toSorted(), [name, `${name}.new`]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
