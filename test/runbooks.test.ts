import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { readinessStates } from '@slotcast/domain';
import { pathOf, read } from './support/deploy-files.ts';

const options = { timeout: 20_000 };
const PAGE = 'docs/operating/catching-up.md';
const SOURCES = ['packages/domain/src', 'packages/following/src'];

const page = read(PAGE);

/** The code with its texts as they are said: without the quotes between the parts of a long one. */
const code = SOURCES.flatMap((folder) =>
  readdirSync(pathOf(folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => read(join(folder, name))),
)
  .join('\n')
  .replaceAll(/['"`]\s*\+\s*['"`]/g, '');

/** Reasons in the first column of a table; `…` stands for what differs, `·` is between two with the same remedy. */
const reasons = [...page.matchAll(/^\| reason \|.*\n\|.*\n((?:\|.*\n)+)/gm)]
  .flatMap(([, rows = '']) => rows.trim().split('\n'))
  .flatMap((row) => (row.split(' | ')[0] ?? '').replace(/^\| /, '').split(' · '));

describe('the page about slots that are not ready', options, () => {
  test('has only reasons that the code gives', () => {
    assert.ok(reasons.length > 20, `only ${reasons.length} reasons were found`);
    for (const reason of reasons) {
      for (const part of reason.split('…').map((each) => each.trim())) {
        assert.ok(code.includes(part), `${reason}: there is no ${JSON.stringify(part)}`);
      }
    }
  });

  test('has each state but ready', () => {
    const headings = [...page.matchAll(/^## (.*)$/gm)].flatMap(([, heading = '']) => heading.split(' and '));
    for (const state of readinessStates.filter((each) => each !== 'ready')) {
      assert.ok(headings.includes(state), state);
    }
  });
});
