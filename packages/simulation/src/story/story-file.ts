import { readFile } from 'node:fs/promises';
import type { Story } from './act.ts';

/** Reads a story that this package has written, or one by hand. Throws a TypeError when it is none. */
export async function readStory(file: string): Promise<Story> {
  const story: unknown = JSON.parse(await readFile(file, 'utf8'));
  if (!isStory(story)) {
    throw new TypeError(`${file} holds no story of version 1`);
  }
  return story;
}

/** Not looked at any deeper: one by hand that is wrong fails where it is wrong. */
function isStory(value: unknown): value is Story {
  return typeof value === 'object' && value !== null && 'version' in value && value.version === 1;
}
