import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  decodedMs,
  decodingMs,
  lsn,
  noteDecoding,
  noteWal,
  noWalRate,
  unknownCost,
  walPerSecond,
} from '@slotcast/domain';

const MIB = 1024 * 1024;

describe('what decoding costs', { timeout: 10_000 }, () => {
  test('is taken from experience, until something is known', () => {
    assert.equal(decodingMs(unknownCost, 100 * MIB), 35);
  });

  test('is what the quickest of the last statements took, as the others waited for the processor', () => {
    const took = [40, 20, 500, 60];
    const cost = took.reduce(
      (known, tookMs) => noteDecoding(known, { bytes: 100 * MIB, tookMs }),
      unknownCost,
    );
    assert.equal(decodingMs(cost, 10 * MIB), 2);
    const later = Array.from({ length: 20 }).reduce<typeof cost>(
      (known) => noteDecoding(known, { bytes: 100 * MIB, tookMs: 50 }),
      cost,
    );
    assert.equal(decodingMs(later, 10 * MIB), 5);
  });

  test('is not learnt from statements that decode little, and believed within limits', () => {
    assert.equal(noteDecoding(unknownCost, { bytes: MIB, tookMs: 500 }), unknownCost);
    const quick = noteDecoding(unknownCost, { bytes: 1000 * MIB, tookMs: 1 });
    assert.equal(decodingMs(quick, 100 * MIB), 5);
    const slow = noteDecoding(unknownCost, { bytes: 10 * MIB, tookMs: 60_000 });
    assert.equal(decodingMs(slow, MIB), 2);
  });

  test('of a statement that was seen is never more than it took', () => {
    assert.equal(decodedMs(unknownCost, { bytes: 100 * MIB, tookMs: 10 }), 10);
    assert.equal(decodedMs(unknownCost, { bytes: 100 * MIB, tookMs: 4000 }), 35);
  });
});

describe('the rate at which WAL comes', { timeout: 10_000 }, () => {
  test('is that of the last half minute', () => {
    let rate = noWalRate;
    assert.equal(walPerSecond(rate), 0);
    for (let second = 0; second <= 60; second += 1) {
      const bytes = second <= 20 ? second * 100 : 2000 + (second - 20) * 500;
      rate = noteWal(rate, { now: second * 1000, lsn: lsn(BigInt(1000 + bytes)) });
      rate = noteWal(rate, { now: second * 1000 + 1, lsn: lsn(BigInt(1001 + bytes)) });
    }
    assert.equal(walPerSecond(rate), 500);
    assert.equal(rate.samples.length, 31);
  });

  test('begins anew when the server begins again further back', () => {
    const before = noteWal(noteWal(noWalRate, { now: 0, lsn: lsn(100n) }), { now: 2000, lsn: lsn(900n) });
    assert.equal(walPerSecond(before), 400);
    assert.equal(walPerSecond(noteWal(before, { now: 3000, lsn: lsn(500n) })), 0);
  });
});
