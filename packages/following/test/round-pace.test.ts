import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RoundPace } from '@slotcast/following';

const IDLE_MS = 500;

const atRest = { stepped: false, moved: false, urgent: false };

function paceAfter(ms: number, round: Partial<typeof atRest>): number {
  const pace = new RoundPace();
  for (let rounds = 0; rounds < 50; rounds += 1) {
    pace.took(ms, { ...atRest, ...round });
  }
  return pace.restMs;
}

describe('the pause while nothing happens', { timeout: 10_000 }, () => {
  test('is short while a round takes next to nothing', () => {
    assert.equal(new RoundPace().restMs, IDLE_MS);
    assert.equal(paceAfter(1, {}), IDLE_MS);
  });

  test('is so long that rounds at rest, all of each, take a quarter of a percent of the time', () => {
    assert.ok(Math.abs(paceAfter(8, {}) - 8 / 0.0025) < 10);
  });

  test('ends at 5 s whatever a round takes', () => {
    assert.equal(paceAfter(60, {}), 5000);
  });

  test('does not grow by rounds that had something to do or somebody to answer', () => {
    for (const busy of [{ stepped: true }, { moved: true }, { urgent: true }]) {
      assert.equal(paceAfter(60, busy), IDLE_MS);
    }
  });
});
