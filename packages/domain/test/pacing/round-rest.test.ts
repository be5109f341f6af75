import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FIRST_ROUND_MS, longestRest, type RoundKind, type RoundRest, usualRound } from '@slotcast/domain';

const IDLE_MS = 500;

const idle: RoundRest = { usualMs: FIRST_ROUND_MS, urgent: false, waiting: false, reportDueMs: 60_000 };
/** Rounds so slow that the pause is as long as it gets. */
const slow: RoundRest = { ...idle, usualMs: 60 };

const atRest: RoundKind = { stepped: false, moved: false, urgent: false };

function restAfter(ms: number, kind: Partial<RoundKind>): number {
  let usualMs = FIRST_ROUND_MS;
  for (let rounds = 0; rounds < 50; rounds += 1) {
    usualMs = usualRound(usualMs, ms, { ...atRest, ...kind });
  }
  return longestRest({ ...idle, usualMs });
}

describe('the pause while nothing happens', { timeout: 10_000 }, () => {
  test('is short while a round takes next to nothing', () => {
    assert.equal(longestRest(idle), IDLE_MS);
    assert.equal(restAfter(1, {}), IDLE_MS);
  });

  test('is so long that rounds at rest, all of each, take a quarter of a percent of the time', () => {
    assert.ok(Math.abs(restAfter(8, {}) - 8 / 0.0025) < 10);
  });

  test('ends at 5 s whatever a round takes', () => {
    assert.equal(restAfter(60, {}), 5000);
  });

  test('does not grow by rounds that had something to do or somebody to answer', () => {
    for (const busy of [{ stepped: true }, { moved: true }, { urgent: true }]) {
      assert.equal(restAfter(60, busy), IDLE_MS);
    }
  });
});

describe('the pause is shorter', { timeout: 10_000 }, () => {
  test('while somebody waits for an answer, however slow rounds are', () => {
    assert.equal(longestRest({ ...slow, urgent: true }), 10);
  });

  test('while an event waits for replay, but not so short as for an answer', () => {
    assert.equal(longestRest({ ...slow, waiting: true }), IDLE_MS);
    assert.equal(longestRest({ ...slow, waiting: true, urgent: true }), 10);
  });

  test('while advances are left: until their budget allows the next', () => {
    assert.equal(longestRest({ ...slow, advances: { quiet: true, waitMs: 40 } }), 40);
    assert.equal(longestRest({ ...slow, advances: { quiet: true, waitMs: 0 } }), 0);
    assert.equal(longestRest({ ...idle, advances: { quiet: true, waitMs: 3000 } }), IDLE_MS);
  });

  test('not for advances that are under way, as their end rings', () => {
    assert.equal(longestRest({ ...slow, advances: { quiet: true, waitMs: undefined } }), 5000);
  });

  test('a tenth of a second while advances are left on a server that logs every session, whatever their budget', () => {
    assert.equal(longestRest({ ...slow, advances: { quiet: false, waitMs: 0 } }), 100);
    assert.equal(longestRest({ ...slow, advances: { quiet: false, waitMs: undefined } }), 100);
    assert.equal(longestRest({ ...slow, urgent: true, advances: { quiet: false, waitMs: 0 } }), 10);
  });

  test('when a record about the node is due before', () => {
    assert.equal(longestRest({ ...slow, reportDueMs: 30 }), 30);
    assert.equal(longestRest({ ...slow, urgent: true, reportDueMs: 0 }), 0);
    assert.equal(longestRest({ ...idle, reportDueMs: 700 }), IDLE_MS);
  });
});
