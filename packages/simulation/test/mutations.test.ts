import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Mutant } from '../src/mutate/mutant.ts';
import { mutations } from '../src/mutate/mutations.ts';
import { runStory } from '../src/run/history.ts';
import { readStory } from '../src/story/story-file.ts';
import { tellStory } from '../src/story/tell.ts';

const PACKAGE = join(import.meta.dirname, '..');
const CHECKOUT = join(PACKAGE, '..', '..');

/** How often a text stands in another one. */
function timesIn(text: string, part: string): number {
  return text.split(part).length - 1;
}

/** A rule that was broken on purpose must be found; a story that shows it shows nothing as long as the rule is in force. */
describe('a mutation', () => {
  for (const mutation of mutations) {
    const { name, edits } = mutation;
    test(`${name}: what it changes is there once`, { timeout: 20_000 }, async () => {
      for (const { file, find } of edits) {
        assert.equal(timesIn(await readFile(join(CHECKOUT, file), 'utf8'), find), 1, `${file} has: ${find}`);
      }
    });

    test(`${name}: is found`, { timeout: 60_000 }, async () => {
      const story = await readStory(join(PACKAGE, 'stories', 'mutations', `${name}.json`));
      const { violations } = await runStory(story);
      assert.deepEqual(violations, [], tellStory(story, violations));
      const mutant = new Mutant(mutation);
      try {
        assert.notDeepEqual(await mutant.run(story), []);
      } finally {
        await mutant.close();
      }
    });
  }
});
