import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ConsistentPoint, consistentPoint } from '@slotcast/data-folder';
import { lsn } from '@slotcast/domain';
import { flipped } from './faults.ts';
import { type BuiltRecord, buildWal, runningBody, sourceOf } from './wal-builder.ts';

const START = 0x3000000n;
const CHANGE: BuiltRecord = { manager: 10, info: 0, body: Buffer.alloc(90) };
const SWITCH: BuiltRecord = { manager: 0, info: 0x40, body: Buffer.alloc(0) };

/** A record at which these ran and `next` is the next one to come. */
function running(next: number, ...xids: readonly number[]): BuiltRecord {
  const counts = { transactions: xids.length, subtransactions: 0, nextXid: next };
  // The oldest is the one that is farthest behind.
  const behind = Math.max(0, ...xids.map((xid) => (next - xid) >>> 0));
  return {
    manager: 8,
    info: 0x10,
    body: runningBody({ ...counts, oldestRunningXid: (next - behind) >>> 0, xids }),
  };
}

/** At which of the records decoding becomes consistent, up to the last of them. */
function foundAt(...records: readonly BuiltRecord[]): number | string {
  const { at, wal } = buildWal(records, START);
  const [from, until] = [lsn(at[0] ?? 0n), lsn(at.at(-1) ?? 0n)];
  const point = consistentPoint(sourceOf(wal, START), { from, until });
  return point.kind === 'found' ? at.indexOf(point.lsn) : point.kind;
}

describe('decoding without a snapshot', { timeout: 20_000 }, () => {
  test('is consistent where nothing runs', () => {
    assert.equal(foundAt(running(700)), 0);
    assert.equal(foundAt(CHANGE, CHANGE, running(700)), 2);
    assert.equal(foundAt(running(700, 690), CHANGE, running(701)), 2);
  });

  test('is consistent when two waves of transactions have ended', () => {
    // 690 runs at the first; at the second the next wave runs; at the third that has ended, but others run.
    assert.equal(foundAt(running(700, 690), CHANGE, running(710, 705), running(720, 715)), 3);
    assert.equal(
      foundAt(running(700, 690), running(710, 690), running(720, 715), running(730, 715), running(740, 725)),
      4,
    );
    assert.equal(foundAt(running(700, 690), running(710, 700), running(720, 710)), 2);
  });

  test('is not consistent while one of them runs on', () => {
    assert.equal(foundAt(running(700, 690), running(710, 690), running(720, 690)), 'later');
    assert.equal(foundAt(running(700, 690), running(710, 705), running(720, 709)), 'later');
    assert.equal(foundAt(running(700, 690)), 'later');
    assert.equal(foundAt(CHANGE, CHANGE), 'later');
  });

  test('goes on where the numbers of transactions begin anew', () => {
    const last = 2 ** 32 - 1;
    assert.equal(foundAt(running(last, last - 5), running(10, 3), running(20, 15)), 2);
    assert.equal(foundAt(running(last, last - 5), running(10, last - 5), running(20, last - 5)), 'later');
  });

  test('is not looked for beyond what was confirmed', () => {
    const { at, wal } = buildWal([running(700, 690), CHANGE, running(701), CHANGE], START);
    const [first, , found] = at.map(lsn);
    assert.ok(first && found);
    const look = (until: bigint): ConsistentPoint =>
      consistentPoint(sourceOf(wal, START), { from: first, until: lsn(until) });
    assert.deepEqual(look(found), { kind: 'found', lsn: found });
    assert.deepEqual(look(found - 1n), { kind: 'later' });
    assert.deepEqual(look(first), { kind: 'later' });
  });

  test('is unknown where the WAL is missing or damaged', () => {
    const { at, wal } = buildWal([running(700, 690), CHANGE, CHANGE, running(701)], START);
    const [from, until] = [lsn(at[0] ?? 0n), lsn(at[3] ?? 0n)];
    const look = (bytes: Buffer): string => consistentPoint(sourceOf(bytes, START), { from, until }).kind;
    assert.equal(look(wal), 'found');
    assert.equal(look(wal.subarray(0, 256)), 'unknown');
    assert.equal(look(flipped(wal, Number((at[2] ?? 0n) - START + 30n) * 8)), 'unknown');
  });

  test('is looked for behind a switch to the next segment', () => {
    const before = buildWal([running(700, 690), SWITCH], START);
    const after = buildWal([running(701)], START + 1024n);
    const wal = Buffer.concat([before.wal, Buffer.alloc(1024 - before.wal.length), after.wal]);
    const [from, until] = [lsn(before.at[0] ?? 0n), lsn(after.at[0] ?? 0n)];
    assert.deepEqual(consistentPoint(sourceOf(wal, START), { from, until }), { kind: 'found', lsn: until });
  });
});
