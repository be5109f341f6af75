import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { judge, ReceivedRows } from '@slotcast/demo';

/** Rows received in this order, each so many milliseconds after its insert. */
function received(numbers: readonly number[], latencyMs: (number: number) => number = () => 1): ReceivedRows {
  const rows = new ReceivedRows();
  for (const number of numbers) {
    rows.take({ number, writtenAtUs: 1_000_000 }, { now: 1_000 + latencyMs(number), monotonicMs: number });
  }
  return rows;
}

describe('the verdict', { timeout: 10_000 }, () => {
  test('misses what is on the new primary and reached a subscriber not at all', () => {
    const verdict = judge({
      onNewPrimary: new Set([3, 1, 2, 10]),
      received: new Map([
        ['all', received([1, 2, 3, 10])],
        ['some', received([2])],
      ]),
    });
    assert.equal(verdict.missing, 3);
    assert.deepEqual(verdict.rowsPerSubscriber, { all: 4, some: 1 });
    assert.deepEqual(verdict.missingRows.get('some'), [1, 3, 10]);
    assert.deepEqual(verdict.missingRows.get('all'), []);
  });

  test('counts rows that came again, at each subscriber', () => {
    const verdict = judge({
      onNewPrimary: new Set([1, 2]),
      received: new Map([
        ['one', received([1, 2, 1, 2])],
        ['other', received([1, 1, 2])],
      ]),
    });
    assert.equal(verdict.duplicates, 3);
    assert.equal(verdict.missing, 0);
  });

  test('takes a row that went down with the old primary for lost, once, and not for missing', () => {
    const verdict = judge({
      onNewPrimary: new Set([1]),
      received: new Map([
        ['one', received([1, 2])],
        ['other', received([1, 2])],
        ['third', received([1])],
      ]),
    });
    assert.equal(verdict.lostRows, 1);
    assert.equal(verdict.missing, 0);
    assert.deepEqual(verdict.rowsPerSubscriber, { one: 1, other: 1, third: 1 });
  });

  test('takes the nearest rank of the latencies of all subscribers', () => {
    const numbers = Array.from({ length: 100 }, (_, index) => index + 1);
    const verdict = judge({
      onNewPrimary: new Set(numbers),
      received: new Map([['one', received(numbers, (number) => number)]]),
    });
    assert.deepEqual(verdict.latencyMs, { p50: 50, p99: 99 });
  });

  test('has no latency when nothing arrived', () => {
    const verdict = judge({ onNewPrimary: new Set([1]), received: new Map([['one', received([])]]) });
    assert.equal(verdict.latencyMs, undefined);
    assert.equal(verdict.missing, 1);
  });
});

describe('received rows', { timeout: 10_000 }, () => {
  test('tell when the first row arrived that can only be of the new primary', () => {
    const rows = received([1, 2]);
    rows.watchFor(3);
    rows.take({ number: 2, writtenAtUs: 0 }, { now: 0, monotonicMs: 70 });
    assert.equal(rows.watchedRowAt, undefined);
    rows.take({ number: 4, writtenAtUs: 0 }, { now: 0, monotonicMs: 80 });
    rows.take({ number: 3, writtenAtUs: 0 }, { now: 0, monotonicMs: 90 });
    assert.equal(rows.watchedRowAt, 80);
  });
});
