import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  judgeSnapshot,
  lsn,
  SNAPSHOT_WAL_BYTES,
  type SnapshotPolicyState,
  startSnapshotPolicy,
} from '@slotcast/domain';
import * as fc from 'fast-check';

const start = startSnapshotPolicy(lsn(0x1000n));

/** Asks at each moment and returns the moments at which a record was logged. */
function logged(moments: readonly { now: number; wishes: readonly string[]; bytes?: bigint }[]): number[] {
  let state: SnapshotPolicyState = start;
  const times: number[] = [];
  for (const { now, wishes, bytes } of moments) {
    const verdict = judgeSnapshot({ state, wishes, lsn: lsn(0x1000n + (bytes ?? 0n)), now });
    state = verdict.state;
    if (verdict.log) {
      times.push(now);
    }
  }
  return times;
}

function everyTenth(seconds: number, wishes: (now: number) => string[]) {
  return Array.from({ length: seconds * 10 }, (_, index) => ({
    now: index * 100,
    wishes: wishes(index * 100),
  }));
}

function afterWal(bytes: bigint, state = start) {
  return judgeSnapshot({ state, wishes: [], lsn: lsn(0x1000n + bytes), now: 0 });
}

describe('running-xacts records', { timeout: 20_000 }, () => {
  test('nobody asks and little WAL was written: none', () => {
    const quiet = judgeSnapshot({ state: start, wishes: [], lsn: lsn(0x2000n), now: 0 });
    assert.equal(quiet.log, false);
    assert.equal(quiet.nextAt, undefined);
  });

  test('a wish is granted at once', () => {
    assert.equal(judgeSnapshot({ state: start, wishes: ['n2'], lsn: lsn(0x1000n), now: 0 }).log, true);
  });

  test('one is logged per 64 MB of WAL, counted from the last record', () => {
    assert.equal(afterWal(SNAPSHOT_WAL_BYTES - 1n).log, false);
    const first = afterWal(SNAPSHOT_WAL_BYTES);
    assert.equal(first.log, true);
    assert.equal(afterWal(SNAPSHOT_WAL_BYTES * 2n - 1n, first.state).log, false);
  });

  test('a record for a wish counts for the WAL as well', () => {
    const half = SNAPSHOT_WAL_BYTES / 2n;
    const moments = [
      { now: 0, wishes: ['n2'], bytes: half },
      { now: 5000, wishes: [], bytes: half * 2n },
      { now: 9000, wishes: [], bytes: half * 3n },
    ];
    assert.deepEqual(logged(moments), [0, 9000]);
  });

  test('a second wish within a quarter of a second waits for the rest of it, and the caller is told when', () => {
    const { state } = judgeSnapshot({ state: start, wishes: ['n2'], lsn: lsn(0x1000n), now: 500 });
    const soon = judgeSnapshot({ state, wishes: ['n3'], lsn: lsn(0x1000n), now: 700 });
    assert.deepEqual([soon.log, soon.nextAt], [false, 750]);
    assert.equal(judgeSnapshot({ state: soon.state, wishes: ['n3'], lsn: lsn(0x1000n), now: 750 }).log, true);
  });

  test('a wish that stands is served three times at once, five times once a second, then every five seconds', () => {
    const times = [0, 300, 600, 1600, 2600, 3600, 4600, 5600, 10_600, 15_600];
    assert.deepEqual(logged(everyTenth(16, () => ['n2'])), times);
  });

  test('a new wish is prompt in spite of one that stands, and a wish made again is a new one', () => {
    const joined = logged(everyTenth(13, (now) => (now < 10_500 ? ['n2'] : ['n2', 'n3'])));
    assert.deepEqual(joined.slice(7), [5600, 10_500, 10_800, 11_100, 12_100]);
    const again = logged(everyTenth(8, (now) => (now === 5000 ? [] : ['n2'])));
    assert.deepEqual(again.slice(7), [5100, 5400, 5700, 6700, 7700]);
  });

  test('two records are never less than a quarter of a second apart', () => {
    const moment = fc.record({
      step: fc.integer({ min: 1, max: 700 }),
      wishes: fc.uniqueArray(fc.constantFrom('n2', 'n3', 'n4')),
      megabytes: fc.integer({ min: 0, max: 100 }),
    });
    fc.assert(
      fc.property(fc.array(moment, { maxLength: 60 }), (moments) => {
        let now = 0;
        let bytes = 0n;
        const times = logged(
          moments.map(({ step, wishes, megabytes }) => {
            now += step;
            bytes += BigInt(megabytes) * 1024n * 1024n;
            return { now, wishes, bytes };
          }),
        );
        for (const [index, time] of times.entries()) {
          assert.ok(index === 0 || time - (times[index - 1] ?? 0) >= 250);
        }
      }),
    );
  });
});
