import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runStory } from '../src/run/history.ts';
import { searchInProcesses } from '../src/run/workers.ts';
import { generate } from '../src/story/generate.ts';

const ACTS = 12;
const THEME = 'cloned';
/** Far more than it takes. */
const PATIENCE_MS = 60_000;

/** The first seed that breaks an invariant. */
async function findSeed(): Promise<number> {
  for (let seed = 1; ; seed += 1) {
    const { violations } = await runStory(generate({ seed, acts: ACTS, theme: THEME }));
    if (violations.length > 0) {
      return seed;
    }
  }
}

describe('a search in several processes', { timeout: 120_000 }, () => {
  it('runs each seed once, finds what one process finds, and then ends in all', async () => {
    const broken = await findSeed();
    const folder = await mkdtemp(join(tmpdir(), 'search-'));
    try {
      const said: string[] = [];
      const seed = broken - 1;
      const options = {
        seed,
        stride: 1,
        ms: PATIENCE_MS,
        acts: ACTS,
        theme: THEME,
        goesOn: false,
        folder,
      } as const;
      const began = performance.now();
      const totals = await searchInProcesses(options, { workers: 2, say: (text) => said.push(text) });
      assert.ok(performance.now() - began < PATIENCE_MS);
      assert.ok(totals.failed >= 1 && totals.histories >= 2, JSON.stringify(totals));
      assert.ok(said.some((text) => text.includes(`--seed ${broken} --acts ${ACTS} --theme ${THEME}`)));
      assert.ok((await readdir(folder)).some((name) => name.startsWith(`${broken}-`)));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
