import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RestartSample } from '../measure/restart-watch.ts';
import { BOUND_MB, backAfter } from './restart.ts';

function sample(at: number, behindPrimaryMb: number): RestartSample {
  const gap = { behindPrimaryMb, behindEndMb: behindPrimaryMb };
  return { at, end: 0n as RestartSample['end'], primaryBehindEndMb: 0, slotcast: gap, native: gap };
}

describe('when restart_lsn is back', { timeout: 10_000 }, () => {
  const behind = (one: RestartSample): number => one.slotcast.behindPrimaryMb;

  test('it is when it stays within the bound, not when it first is', () => {
    const samples = [sample(1000, 300), sample(2000, 100), sample(3000, 400), sample(4000, BOUND_MB)];
    assert.equal(backAfter(samples, 500, behind), 3.5);
  });

  test('it is at once when it never left, and never when the last sample is beyond', () => {
    assert.equal(backAfter([sample(1000, 0)], 500, behind), 0.5);
    assert.equal(backAfter([sample(1000, 0), sample(2000, 300)], 500, behind), undefined);
    assert.equal(backAfter([], 500, behind), undefined);
  });
});
