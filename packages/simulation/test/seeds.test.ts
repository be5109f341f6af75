import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { runStory } from '../src/run/history.ts';
import { readStory } from '../src/story/story-file.ts';
import { tellStory } from '../src/story/tell.ts';

const FOLDER = join(import.meta.dirname, '..', 'stories');

/**
 * Each story says what it shows: an invariant that today's rules break in it, or `none`. A fault that is fixed turns its story red; then it says `none`.
 */
describe('a story that is kept', async () => {
  const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.json'));
  for (const file of files) {
    const story = await readStory(join(FOLDER, file));
    const { expect = 'none' } = story;
    it(`${basename(file, '.json')} shows ${expect}: ${story.title}`, { timeout: 60_000 }, async () => {
      const { violations } = await runStory(story);
      const shown = [...new Set(violations.map(({ invariant }) => invariant))];
      assert.deepEqual(shown, expect === 'none' ? [] : [expect], tellStory(story, violations));
    });
  }
});
