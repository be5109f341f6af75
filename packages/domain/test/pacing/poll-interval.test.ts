import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nextPoll, type PollPace } from '@slotcast/domain';
import * as fc from 'fast-check';

const bounds = { pollMinMs: 20, pollMaxMs: 250 };

/** Polls again and again and returns the delays; `queryMs` of each poll. */
function delays(queries: readonly number[], lastChangeAt?: number): number[] {
  let pace: PollPace | undefined;
  let now = 0;
  return queries.map((queryMs) => {
    const next = nextPoll({ ...bounds, pace, now, queryMs, roundMs: queryMs, lastChangeAt });
    pace = next.pace;
    now += next.delayMs;
    return next.delayMs;
  });
}

function quiet(count: number, queryMs = 0.5): number[] {
  return Array.from({ length: count }, () => queryMs);
}

describe('poll interval', { timeout: 20_000 }, () => {
  test('a publisher without changes backs off from 20 ms to 250 ms by doubling', () => {
    assert.deepEqual(delays(quiet(7)), [20, 40, 80, 160, 250, 250, 250]);
  });

  test('it polls every 20 ms while anything changed in the last 2 s, then backs off', () => {
    const taken = delays(quiet(105), 0);
    assert.deepEqual(
      taken.slice(0, 100),
      Array.from({ length: 100 }, () => 20),
    );
    assert.deepEqual(taken.slice(100), [40, 80, 160, 250, 250]);
  });

  test('the back-off ends at the first change', () => {
    const pace = { stepMs: 250, queryMs: 0.5, roundMs: 0.5 };
    const change = { now: 9000, lastChangeAt: 9000, queryMs: 0.5, roundMs: 0.5 };
    assert.equal(nextPoll({ ...bounds, pace, ...change }).delayMs, 20);
  });

  test('a change that was held back is polled for when it becomes due, but not below the shortest interval', () => {
    const pace = { stepMs: 250, queryMs: 0.5, roundMs: 0.5 };
    const at = (nextDueAt: number) =>
      nextPoll({ ...bounds, pace, now: 9000, queryMs: 0.5, roundMs: 0.5, nextDueAt }).delayMs;
    assert.equal(at(9100), 100);
    assert.equal(at(9005), 20);
    assert.equal(at(8000), 20);
    assert.equal(at(9999), 250);
  });

  test('a query that is always slow takes at most 10 % of the time, beyond the longest interval if it must', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 250, noNaN: true }), (queryMs) => {
        const last = delays(quiet(150, queryMs), 0).at(-1) ?? 0;
        assert.ok(last >= queryMs * 10 * 0.999, `${last} ms between queries of ${queryMs} ms`);
      }),
    );
  });

  test('queries that were too quick to measure do not hide slow ones for ever', () => {
    assert.ok((delays([...quiet(1100, 0), ...quiet(80, 50)], 0).at(-1) ?? 0) >= 999);
  });

  test('one slow answer hardly changes the pace', () => {
    const taken = delays([...quiet(20, 1), 10_000, ...quiet(10, 1)], 0);
    assert.ok(Math.max(...taken) <= 30, `longest pause ${Math.max(...taken)} ms`);
  });

  test('the first query of a connection may be slow without delaying the second poll', () => {
    assert.ok((delays([80], 0)[0] ?? 0) <= 30);
  });

  test('a server that stalls delays the polls by 5 s at most, and they recover', () => {
    const taken = delays([...quiet(100, 60_000), ...quiet(20, 1)], 0);
    assert.equal(Math.max(...taken), 5000);
    assert.ok((taken.at(-1) ?? 0) <= 260);
  });

  test('while nothing changes, polls with their work take at most 1 % of the time, and a change is answered as before', () => {
    const slow = { queryMs: 8, roundMs: 20 };
    let pace: PollPace | undefined;
    let delayMs = 0;
    for (let polls = 0; polls < 60; polls += 1) {
      ({ pace, delayMs } = nextPoll({ ...bounds, pace, now: 9000, ...slow }));
    }
    assert.ok(delayMs >= 1999 && delayMs <= 2000, `${delayMs} ms`);
    const busy = nextPoll({ ...bounds, pace, now: 9000, lastChangeAt: 9000, ...slow });
    assert.ok(busy.delayMs <= 8 * 20, `${busy.delayMs} ms`);
  });

  test('the delay is never below the shortest interval, and above the longest only for the sake of slow polls', () => {
    const time = fc.double({ min: 0, max: 1e6, noNaN: true });
    const optional = fc.option(time, { nil: undefined });
    const queryMs = fc.double({ min: 0, max: 1000, noNaN: true });
    fc.assert(
      fc.property(
        time,
        optional,
        optional,
        queryMs,
        fc.integer({ min: 20, max: 250 }),
        (now, change, due, queryMs, stepMs) => {
          const pace = { stepMs, queryMs, roundMs: queryMs };
          const { delayMs } = nextPoll({
            ...bounds,
            pace,
            now,
            lastChangeAt: change,
            nextDueAt: due,
            queryMs,
            roundMs: queryMs,
          });
          assert.ok(delayMs >= 20);
          assert.ok(delayMs <= Math.max(250, Math.min(5000, queryMs * 100) + 1e-6));
        },
      ),
    );
  });
});
