import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judgeCalm } from '../src/oracle/calm.ts';

describe('when all is calm', () => {
  const ready = { node: 'b', slot: 'app', state: 'ready', reasons: 0 } as const;

  it('nothing is wrong, when the primary publishes and each slot is ready or has a reason', () => {
    const waiting = { ...ready, slot: 'web', state: 'catching_up', reasons: 1 } as const;
    assert.deepEqual(
      judgeCalm({ primary: 'a', publisher: 'a', isRefused: false, slots: [ready, waiting] }, 1),
      [],
    );
  });

  it('nothing is wrong, when the publisher of the primary has said why it must not publish', () => {
    assert.deepEqual(judgeCalm({ primary: 'a', publisher: 'b', isRefused: true, slots: [] }, 1), []);
  });

  for (const [what, facts] of [
    ['another node publishes', { primary: 'a', publisher: 'b', isRefused: false, slots: [ready] }],
    ['nobody publishes', { primary: 'a', publisher: undefined, isRefused: false, slots: [ready] }],
    [
      'a slot is not ready for no reason',
      { primary: 'a', publisher: 'a', isRefused: false, slots: [{ ...ready, state: 'lagging' }] },
    ],
    [
      'nothing is known of a slot',
      { primary: 'a', publisher: 'a', isRefused: false, slots: [{ ...ready, state: undefined }] },
    ],
  ] as const) {
    it(`is a violation: ${what}`, () => {
      assert.equal(judgeCalm(facts, 1)[0]?.invariant, 'I6');
    });
  }
});
