import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { judgeReadiness, type PinFacts, type ReadinessInput, slotLag } from '@slotcast/domain';
import * as fc from 'fast-check';
import { at, slotEvent } from '../event-examples.ts';
import { saying, whyOf } from '../reason-examples.ts';
import { logicalSlot } from '../vocabulary-examples.ts';

const held: PinFacts = {
  hotStandbyFeedback: true,
  primarySlotName: 'to_bravo',
  links: [{ slot: 'to_bravo', holder: 'alpha', catalogXmin: 700, feedback: true }],
};

/** The slot here, at `position`. */
function here(position: number) {
  return { ...logicalSlot('a', { confirmedFlushLsn: at(position) }), temporary: false };
}

/** What the primary published at `time` milliseconds. */
function published(confirmed: number, time = 0) {
  return slotEvent(
    'a',
    { time, lsn: 0x9000 },
    { state: logicalSlot('a', { confirmedFlushLsn: at(confirmed) }) },
  );
}

function judged(over: Partial<ReadinessInput>) {
  return judgeReadiness({
    event: published(1000),
    waiting: undefined,
    local: here(1000),
    pin: held,
    heartbeatAgeMs: 0,
    limits: { maxLagBytes: 500n, maxLagMs: 10_000, heartbeatStaleMs: 30_000 },
    now: 100_000,
    ...over,
  });
}

describe('readiness of a safe slot', { timeout: 20_000 }, () => {
  test('a slot where the primary has it is ready, with nothing to say', () => {
    assert.deepEqual(judged({}), { state: 'ready', reasons: [] });
  });

  test('a slot ahead of the event is ready: its own consumer confirmed that', () => {
    assert.equal(judged({ local: here(5000) }).state, 'ready');
  });

  test('without a pin it is blocked, whatever else', () => {
    const blocked = judged({ pin: { ...held, hotStandbyFeedback: false }, heartbeatAgeMs: 99_000 });
    assert.equal(blocked.state, 'blocked');
    assert.match(whyOf(blocked), /hot_standby_feedback/);
    const late = judged({ local: { ...here(1000), catalogXmin: 699 } });
    assert.equal(late.state, 'blocked');
    assert.match(whyOf(late), /needed 699/);
  });

  test('without a plugin that can be loaded it is blocked', () => {
    const pluginFault = saying('its plugin "x" cannot be loaded');
    const blocked = judged({ pluginFault, heartbeatAgeMs: 99_000 });
    assert.deepEqual(blocked, { state: 'blocked', reasons: [pluginFault] });
  });

  test('a publisher that fell silent makes it lagging: nobody knows where the primary is', () => {
    assert.equal(judged({ heartbeatAgeMs: 30_000 }).state, 'ready');
    const silent = judged({ heartbeatAgeMs: 30_001 });
    assert.equal(silent.state, 'unheard');
    assert.match(whyOf(silent), /nothing for 30 s/);
  });

  test('it lags by bytes only beyond the limit', () => {
    const now = 0;
    assert.equal(judged({ now, local: here(500) }).state, 'ready');
    const behind = judged({ now, local: here(499) });
    assert.equal(behind.state, 'lagging');
    assert.match(whyOf(behind), /501 bytes .*goal 0\/3E8/);
  });

  test('it is not behind what a client that rounds up has confirmed beyond the end of WAL', () => {
    const rounded = { ...published(1026), lsn: at(1000) };
    assert.equal(judged({ event: rounded, local: here(1000) }).state, 'ready');
    assert.equal(judged({ event: rounded, local: here(999) }).state, 'lagging');
  });

  test('it lags by time only beyond the limit, from the oldest change that is not applied', () => {
    const waiting = { oldest: published(1100, 90_000), newest: published(1200, 99_000) };
    assert.equal(judged({ waiting }).state, 'ready');
    const behind = judged({ waiting, now: 100_001 });
    assert.equal(behind.state, 'lagging');
    assert.match(whyOf(behind), /10 s behind/);
  });

  test('a paused standby lags by what waits for its replay', () => {
    const waiting = { oldest: published(1100, 99_000), newest: published(1501, 99_900) };
    const behind = judged({ waiting });
    assert.equal(behind.state, 'lagging');
    assert.match(whyOf(behind), /501 bytes .*goal 0\/5DD/);
  });

  test('an idle slot never grows old', () => {
    assert.equal(judged({ now: 1e12 }).state, 'ready');
  });
});

describe('lag of a slot', { timeout: 20_000 }, () => {
  test('a clock behind that of the publisher gives no negative age', () => {
    assert.equal(slotLag({ event: published(2000, 5000), waiting: undefined, local: here(1), now: 0 }).ms, 0);
  });

  test('a waiting drop of which only the tombstone is left is no lag', () => {
    const gone = slotEvent('a', {}, { op: 'drop', state: undefined });
    const waiting = { oldest: gone, newest: gone };
    assert.deepEqual(slotLag({ event: published(9), waiting, local: here(9), now: 50 }), {
      bytes: 0n,
      ms: 0,
    });
  });

  test('it is the distance to the furthest known position, and none without a distance', () => {
    const anyPosition = fc.integer({ min: 1, max: 100 });
    fc.assert(
      fc.property(anyPosition, anyPosition, anyPosition, anyPosition, (local, event, oldest, newest) => {
        const waiting = { oldest: published(oldest, 10), newest: published(newest, 20) };
        const lag = slotLag({ event: published(event, 5), waiting, local: here(local), now: 30 });
        const furthest = Math.max(local, event, oldest, newest);
        assert.equal(lag.bytes, BigInt(furthest - local));
        assert.equal(lag.ms > 0, furthest > local);
      }),
    );
  });
});
