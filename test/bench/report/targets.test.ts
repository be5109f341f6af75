import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { summarize } from '../measure/distribution.ts';
import type { RestartGaps } from '../measure/restart-watch.ts';
import type { IdleLoad } from '../parts/memory.ts';
import type { PartResults } from '../parts/parts.ts';
import type { ReadyResult } from '../parts/ready.ts';
import type { RestartResult } from '../parts/restart.ts';
import { targetTable } from './part-tables.ts';
import { sampleLag, sampleLoads } from './sample-results.ts';
import { type Target, targets } from './targets.ts';

function only(parts: Partial<PartResults>): readonly Pick<Target, 'value' | 'limit' | 'met'>[] {
  return targets(parts).map(({ value, limit, met }) => ({ value, limit, met }));
}

function ready(slots: number, slotcast: number | undefined, native: readonly number[]): ReadyResult {
  const rounds = native.map((nativeSeconds) => ({
    createdSeconds: 1,
    slotcastSeconds: slotcast,
    nativeSeconds,
    slotcastReady: slots,
    nativeReady: slots,
  }));
  return {
    slots,
    confirmIntervalMs: 100,
    timeoutSeconds: 60,
    statusIntervalSeconds: 10,
    rounds,
    slotcastSeconds: slotcast === undefined ? undefined : summarize([slotcast]),
    nativeSeconds: summarize(native),
  };
}

function gaps(behindPrimaryMb: number): RestartGaps {
  const none = { behindPrimaryMb: 0, behindEarlierMb: 0, behindEndMb: 0 };
  const slotcast = { ...none, behindPrimaryMb, behindEarlierMb: behindPrimaryMb / 2 };
  return { primaryBehindEndMb: 0, primaryJumpMb: 0, slotcast, native: none };
}

function restartOf(without: RestartGaps): RestartResult {
  return {
    slots: 100,
    minutes: 2,
    load: { wantedMbPerSecond: 15, mbPerSecond: 15 },
    without,
    with: gaps(1000),
    heldMb: 900,
    backAfterSeconds: undefined,
    nativeBackAfterSeconds: undefined,
    end: gaps(0),
    loads: sampleLoads(),
  };
}

function idle(slots: number): IdleLoad {
  const loads = sampleLoads();
  return { slots, readySlots: slots, readyAfterSeconds: 1, equalAfterSeconds: 1, loads };
}

describe('the targets', { timeout: 10_000 }, () => {
  test('of few slots at moderate load the worst cell counts, and more than that has none', () => {
    const cells = [
      sampleLag({ slots: 1, mbPerSecond: 0, p50: 20, nativeP50: 100 }),
      sampleLag({ slots: 50, mbPerSecond: 15, p50: 30, nativeP50: 100 }),
      sampleLag({ slots: 50, mbPerSecond: 30, p50: 900, nativeP50: 100 }),
      sampleLag({ slots: 500, mbPerSecond: 15, p50: 900, nativeP50: 100 }),
    ];
    assert.deepEqual(only({ matrix: { cells, failed: [] } }), [
      { value: 0.3, limit: 0.25, met: false },
      { value: 0.3, limit: 0.5, met: true },
    ]);
  });

  test('100 slots at 15 MB/s and 500 at 5 MB/s have their own, and the former one of processor time', () => {
    const cells = [
      sampleLag({ slots: 100, mbPerSecond: 15, p50: 20, nativeP50: 100 }),
      sampleLag({ slots: 500, mbPerSecond: 5, p50: 150, nativeP50: 100 }),
    ];
    assert.deepEqual(only({ matrix: { cells, failed: [] } }), [
      { value: 0.2, limit: 0.25, met: true },
      { value: 0.2, limit: 1, met: true },
      { value: 1.5, limit: 0.25, met: false },
      { value: 1.5, limit: 1, met: false },
      { value: 3, limit: 4, met: true },
    ]);
  });

  test("a new slot is measured against PostgreSQL's best round and the time that a pin may take", () => {
    assert.deepEqual(only({ ready: [ready(1, 10.2, [0.5, 0.3])] }), [
      { value: 10.2, limit: 10.15, met: false },
    ]);
    assert.deepEqual(only({ ready: [ready(500, 40, [30])] }), [{ value: 40, limit: 40, met: true }]);
  });

  test('what did not come in time is missed', () => {
    assert.deepEqual(only({ ready: [ready(50, undefined, [1])] }), [
      { value: undefined, limit: 10.5, met: false },
    ]);
  });

  test('restart_lsn may be behind by what an open transaction holds, and has a minute to come back', () => {
    const restart = restartOf(gaps(300));
    assert.deepEqual(only({ restart }), [
      { value: 300, limit: 256, met: false },
      { value: 150, limit: 256, met: true },
      { value: 1000, limit: 1156, met: true },
      { value: undefined, limit: 60, met: false },
      { value: 3, limit: 4, met: true },
    ]);
  });

  test('what a missed one has to do with the primary and the machine is said, and of one that is met nothing', () => {
    const restart = { ...restartOf(gaps(300)), with: gaps(0) };
    const notes = targetTable(targets({ restart })).notes;
    assert.deepEqual(notes, [
      "restart_lsn behind the primary's; 100 slots at 15 MB/s, 2 minutes: what the primary's slots move by at once is behind at once, here up to 0 MB; with PostgreSQL's own slot sync it was up to 0 MB.",
    ]);
  });

  test('memory counts with the most slots only, processor time always', () => {
    assert.deepEqual(
      targets({ memory: [idle(1), idle(1000)] }).map(({ unit }) => unit),
      ['%', '%', 'MB', '%', 'MB', '%'],
    );
  });

  test('nothing measured, nothing to compare', () => {
    assert.deepEqual(targets({}), []);
  });
});
