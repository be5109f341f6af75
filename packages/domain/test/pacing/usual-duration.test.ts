import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MAX_PAUSE_MS, quickestDuration, restPause, usualDuration } from '@slotcast/domain';
import * as fc from 'fast-check';

const milliseconds = fc.double({ min: 0, max: 10_000, noNaN: true });

describe('usual duration', { timeout: 20_000 }, () => {
  test('work that always takes as long is soon expected to take so long', () => {
    fc.assert(
      fc.property(milliseconds, milliseconds, (first, always) => {
        let usual = first;
        for (let round = 0; round < 100; round += 1) {
          usual = usualDuration(usual, always);
        }
        assert.ok(Math.abs(usual - always) <= 0.01 + always * 0.001, `${usual} instead of ${always}`);
      }),
    );
  });

  test('it never leaves the range between what was expected and what was measured', () => {
    fc.assert(
      fc.property(milliseconds, milliseconds, (usual, sample) => {
        const next = usualDuration(usual, sample);
        assert.ok(next >= Math.min(usual, sample) - 1e-9 && next <= Math.max(usual, sample) + 1e-9);
      }),
    );
  });

  test('one slow round counts for at most twice the usual one', () => {
    assert.ok(usualDuration(10, 60_000) <= 13);
  });
});

describe('pause at rest', { timeout: 20_000 }, () => {
  test('quick rounds do not lengthen it', () => {
    assert.equal(restPause({ usualMs: 1, idleMs: 500, share: 0.01 }), 500);
  });

  test('slow rounds take at most their share of the time', () => {
    assert.equal(restPause({ usualMs: 20, idleMs: 500, share: 0.01 }), 2000);
    assert.equal(restPause({ usualMs: 20, idleMs: 500, share: 0.02 }), 1000);
  });

  test('it ends at 5 s however slow the rounds are, unless a longer one was asked for', () => {
    assert.equal(restPause({ usualMs: 60_000, idleMs: 500, share: 0.01 }), MAX_PAUSE_MS);
    assert.equal(restPause({ usualMs: 60_000, idleMs: 8000, share: 0.01 }), 8000);
  });
});

describe('quickest duration', { timeout: 20_000 }, () => {
  test('rounds that had to wait for a processor do not count while every tenth has not', () => {
    let quickest = 1;
    for (let round = 0; round < 200; round += 1) {
      quickest = quickestDuration(quickest, round % 10 === 0 ? 2 : 80);
      assert.ok(quickest < 4, `${quickest} ms`);
    }
  });

  test('work that has become slow for good is soon expected to take so long', () => {
    let quickest = 1;
    for (let round = 0; round < 100; round += 1) {
      quickest = quickestDuration(quickest, 50);
    }
    assert.equal(quickest, 50);
  });
});
