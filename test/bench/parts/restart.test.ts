import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseLsn } from '@slotcast/domain';
import type { RestartSample } from '../measure/restart-watch.ts';
import { BOUND_MB, backAfter } from './restart.ts';

function sample(at: number, behindPrimaryMb: number): RestartSample {
  const gap = { behindPrimaryMb, behindEarlierMb: 0, behindEndMb: behindPrimaryMb };
  return { at, end: parseLsn('0/1'), primaryBehindEndMb: 0, primaryJumpMb: 0, slotcast: gap, native: gap };
}

function behind(one: RestartSample): number {
  return one.slotcast.behindPrimaryMb;
}

describe('when restart_lsn is back', { timeout: 10_000 }, () => {
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
