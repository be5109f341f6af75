import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { searchInProcesses } from '../src/run/workers.ts';

/** Enough for a few histories in each process, on a busy machine, too. */
const SEARCH_MS = 6000;

describe('a search in several processes', { timeout: 120_000 }, () => {
  it('adds up what its processes have done, and ends with them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'search-'));
    try {
      const said: string[] = [];
      const totals = await searchInProcesses(
        { seed: 1, stride: 1, ms: SEARCH_MS, acts: 10, theme: 'peace', goesOn: false, folder },
        { workers: 2, say: (text) => said.push(text) },
      );
      assert.ok(totals.histories >= 2, JSON.stringify(totals));
      assert.equal(totals.failed, 0, said.join('\n'));
      assert.deepEqual(await readdir(folder), []);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
