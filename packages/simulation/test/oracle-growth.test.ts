import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judgeGrowth, type Sizes } from '../src/oracle/growth.ts';

const WRITERS = 4;

function sizes(at: number, grown: Partial<Record<'sessions' | 'ownSlots' | 'records', number>> = {}): Sizes {
  const { sessions = 3, ownSlots = 2, records = 100 } = grown;
  return {
    at,
    sessions: new Map([['a', sessions]]),
    ownSlots: new Map([['a', ownSlots]]),
    records: new Map([['nodes', records]]),
  };
}

describe('while nothing happens', () => {
  it('heartbeats and sessions that come and go are no growth', () => {
    assert.deepEqual(
      judgeGrowth(sizes(0), sizes(10_000, { sessions: 6, ownSlots: 6, records: 120 }), WRITERS),
      [],
    );
  });

  for (const [what, grown, text] of [
    ['sessions', { sessions: 7 }, /^a has 4 more sessions/],
    ["slots of slotcast's own", { ownSlots: 7 }, /^a has 7 slots that slotcast keeps/],
    ['records', { records: 121 }, /^21 records were written to nodes within 10000 ms/],
  ] as const) {
    it(`is a violation when there are ever more ${what}`, () => {
      const [violation, ...others] = judgeGrowth(sizes(0), sizes(10_000, grown), WRITERS);
      assert.equal(violation?.invariant, 'I5');
      assert.match(violation.text, text);
      assert.deepEqual(others, []);
    });
  }
});
