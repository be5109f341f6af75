import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CalmFacts, type CalmSlot, judgeCalm } from '../src/oracle/calm.ts';

const ready: CalmSlot = {
  node: 'b',
  slot: 'app',
  state: 'ready',
  reasons: [],
  changes: 0,
  standing: { replayLsn: 100, confirmedHere: 50, confirmedThere: new Map([['app', 60]]) },
};
const calm: CalmFacts = { primary: 'a', publisher: 'a', isRefused: false, slots: [ready] };

function waiting(code: string, facts: Readonly<Record<string, string>> = {}): CalmFacts {
  return { ...calm, slots: [{ ...ready, state: 'catching_up', reasons: [{ code, facts }] }] };
}

describe('when all is calm', () => {
  for (const [what, facts] of [
    ['the primary publishes, and each slot is ready', calm],
    ['a slot has got ready meanwhile', { ...calm, slots: [{ ...ready, changes: 1 }] }],
    [
      'the publisher of the primary has said why it must not publish',
      { ...calm, publisher: 'b', isRefused: true },
    ],
    [
      'a slot waits for its subscriber to get further',
      waiting('waits_subscriber', { slot: 'app', position: '0/50' }),
    ],
    ['a slot is behind', waiting('behind', { goal: '0/3C' })],
    ['a slot waits for replay', waiting('waits_replay_of_pin', { position: '0/65' })],
    ['a slot has a reason of which nothing is known here', waiting('name_taken')],
  ] as const) {
    it(`nothing is wrong: ${what}`, () => {
      assert.deepEqual(judgeCalm(facts, 1), []);
    });
  }

  for (const [what, facts] of [
    ['another node publishes', { ...calm, publisher: 'b' }],
    ['nobody publishes', { ...calm, publisher: undefined }],
    ['a slot is not ready for no reason', { ...calm, slots: [{ ...ready, state: 'lagging' }] }],
    ['nothing is known of a slot', { ...calm, slots: [{ ...ready, state: undefined }] }],
    ['a slot flips', { ...calm, slots: [{ ...ready, changes: 2 }] }],
    ['its subscriber has confirmed that', waiting('waits_subscriber', { slot: 'app', position: '0/3C' })],
    ['a slot is not behind any more', waiting('behind', { goal: '0/32' })],
    ['replay has got there', waiting('waits_replay_of_pin', { position: '0/64' })],
    ['a step of slotcast is never done', waiting('being_made')],
    ['the publisher is called silent', waiting('publisher_silent', { seconds: '40' })],
  ] as const) {
    it(`is a violation: ${what}`, () => {
      assert.deepEqual(
        judgeCalm(facts, 1).map(({ invariant }) => invariant),
        ['I6'],
      );
    });
  }
});
