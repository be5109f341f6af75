import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runStory } from '../src/run/history.ts';
import { generate, silentThemes } from '../src/story/generate.ts';
import { tellStory } from '../src/story/tell.ts';

const SECONDS = 30;
/** So many of the same every time: what lies beyond is for `npm run simulate`. */
const MOST = 60;
/** Set it to look elsewhere. */
const seed = Number(process.env['SIMULATION_SEED'] ?? 20_261_128);

describe('histories with faults that the rules are made for', () => {
  it(`break no invariant for ${SECONDS} s, from seed ${seed} on`, { timeout: 120_000 }, async (test) => {
    const startedAt = performance.now();
    let histories = 0;
    for (; histories < MOST && performance.now() - startedAt < SECONDS * 1000; histories += 1) {
      const theme = silentThemes[histories % silentThemes.length];
      const story = generate({ seed: seed + histories, acts: 60, theme });
      const { violations } = await runStory(story, { calm: true });
      assert.deepEqual(violations, [], tellStory(story, violations));
    }
    test.diagnostic(`${histories} histories`);
    assert.ok(histories > 0);
  });
});
