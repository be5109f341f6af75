import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkKafkaClock, checkServerClock, type Heartbeat, isRecent } from '@slotcast/domain';
import * as fc from 'fast-check';

function heartbeat(aheadMs: number, live: boolean): Heartbeat {
  return { aheadMs, live, silentMs: live ? 0 : Math.max(0, -aheadMs) };
}

describe('clocks', { timeout: 20_000 }, () => {
  test('of the server and here may differ by 5 s, either way', () => {
    for (const aheadMs of [-5000, 0, 5000]) {
      assert.equal(checkServerClock(aheadMs).outcome, 'ok', String(aheadMs));
    }
    assert.equal(checkServerClock(5001).outcome, 'warning');
    assert.match(checkServerClock(-61_000).message, /PostgreSQL server is 61\.0 s behind the one here/);
  });

  test('of Kafka are judged by a heartbeat that just arrived', () => {
    assert.equal(checkKafkaClock(heartbeat(-4000, true)).outcome, 'ok');
    assert.match(checkKafkaClock(heartbeat(-8000, true)).message, /Kafka's clock is 8\.0 s behind/);
    assert.equal(checkKafkaClock(heartbeat(-8000, true)).outcome, 'warning');
  });

  test('of Kafka are ahead when a heartbeat is from the future', () => {
    assert.equal(checkKafkaClock(heartbeat(6000, false)).outcome, 'warning');
  });

  test('of Kafka are not known from an old heartbeat, or from none', () => {
    assert.equal(checkKafkaClock(heartbeat(-60_000, false)).outcome, 'info');
    assert.equal(checkKafkaClock(undefined).outcome, 'info');
  });

  test('of Kafka that differ by more than 5 s are never called right while a publisher writes every 5 s', () => {
    const skew = fc.integer({ min: -60_000, max: 60_000 });
    fc.assert(
      fc.property(skew, fc.integer({ min: 0, max: 5000 }), (skewMs, ageMs) => {
        const seen = heartbeat(skewMs - ageMs, false);
        // One that is not recent is waited for, and then arrives at no age.
        const judged = isRecent(seen) ? seen : heartbeat(skewMs, true);
        const expected = Math.abs(skewMs) > 5000 ? 'warning' : 'ok';
        assert.equal(checkKafkaClock(judged).outcome, expected);
      }),
    );
  });

  test('that are behind make no heartbeat recent that others have written long after', () => {
    assert.equal(isRecent({ aheadMs: -2000, live: false, silentMs: 52_000 }), false);
    assert.equal(isRecent({ aheadMs: -2000, live: false, silentMs: 2000 }), true);
  });
});
