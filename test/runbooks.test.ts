import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readinessStates } from '@slotcast/domain';
import { read } from './support/deploy-files.ts';
import { reasonSentences } from './support/reason-rows.ts';

const options = { timeout: 20_000 };
const PAGE = 'docs/operating/catching-up.md';

const page = read(PAGE);

/** All that the code can say. */
const sentences = reasonSentences().join('\n');

/** Reasons in the first column of a table; `…` stands for what differs, `·` is between two with the same remedy. */
const reasons = [...page.matchAll(/^\| reason \|.*\n\|.*\n((?:\|.*\n)+)/gm)]
  .flatMap(([, rows = '']) => rows.trim().split('\n'))
  .flatMap((row) => (row.split(' | ')[0] ?? '').replace(/^\| /, '').split(' · '));

describe('the page about slots that are not ready', options, () => {
  test('has only reasons that the code gives', () => {
    assert.ok(reasons.length > 20, `only ${reasons.length} reasons were found`);
    for (const reason of reasons) {
      for (const part of reason.split('…').map((each) => each.trim())) {
        assert.ok(sentences.includes(part), `${reason}: there is no ${JSON.stringify(part)}`);
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
