import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { silentMs } from '@slotcast/domain';
import * as fc from 'fast-check';

const NOW = 1_000_000_000;

describe('since when something is silent', { timeout: 20_000 }, () => {
  test('what was never heard of is silent for ever', () => {
    assert.equal(
      silentMs(undefined, { monotonicMs: 5, wallMs: NOW, newestAt: NOW }),
      Number.POSITIVE_INFINITY,
    );
  });

  test('what arrived live counts from its arrival, whatever the clocks of the brokers and of this machine show', () => {
    for (const writtenAt of [0, NOW, 2 * NOW]) {
      const heard = { writtenAt, heardAtMs: 7000 };
      assert.equal(silentMs(heard, { monotonicMs: 9500, wallMs: NOW, newestAt: 3 * NOW }), 2500);
    }
  });

  test('what was there before counts by the clock of the brokers', () => {
    const heard = { writtenAt: NOW - 4000, heardAtMs: undefined };
    assert.equal(silentMs(heard, { monotonicMs: 1, wallMs: NOW, newestAt: NOW - 3000 }), 4000);
  });

  test('a clock here that is behind makes nothing look younger than the newest record', () => {
    const heard = { writtenAt: NOW - 60_000, heardAtMs: undefined };
    assert.equal(silentMs(heard, { monotonicMs: 1, wallMs: NOW - 3_600_000, newestAt: NOW }), 60_000);
  });

  test('is never negative, and grows with each clock that goes on', () => {
    const time = fc.nat({ max: 100 });
    const anyHeard = fc.record({ writtenAt: time, heardAtMs: fc.option(time, { nil: undefined }) });
    fc.assert(
      fc.property(
        anyHeard,
        time,
        time,
        time,
        fc.nat({ max: 50 }),
        (heard, monotonicMs, wallMs, newestAt, later) => {
          const now = silentMs(heard, { monotonicMs, wallMs, newestAt });
          assert.ok(now >= 0);
          const clocks = {
            monotonicMs: monotonicMs + later,
            wallMs: wallMs + later,
            newestAt: newestAt + later,
          };
          assert.ok(silentMs(heard, clocks) >= now);
        },
      ),
    );
  });
});
