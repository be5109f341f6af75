import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readWalRecord, runningAt } from '@slotcast/data-folder';
import { lsn } from '@slotcast/domain';
import * as fc from 'fast-check';
import { flipped } from './faults.ts';
import { type BuiltRecord, buildWal, runningBody, smallShape, sourceOf } from './wal-builder.ts';

const START = 0x3000000n;
const anyRecord: fc.Arbitrary<BuiltRecord> = fc.record(
  {
    manager: fc.nat({ max: 21 }),
    info: fc.constantFrom(0, 0x10, 0x20, 0xf0),
    body: fc.uint8Array({ maxLength: 1500 }),
  },
  { noNullPrototype: true },
);
const someRecords = fc.array(anyRecord, { minLength: 1, maxLength: 8 });

const quiet = { transactions: 0, subtransactions: 0, nextXid: 700, oldestRunningXid: 700, xids: [] };
function running(fields: Partial<Parameters<typeof runningBody>[0]> = {}): BuiltRecord {
  return { manager: 8, info: 0x10, body: runningBody({ ...quiet, ...fields }) };
}
/** What is said of the second of two records, the first of which fills the page to a few bytes. */
function judged(record: BuiltRecord, filler = 30): ReturnType<typeof runningAt> {
  const { at, wal } = buildWal([{ manager: 0, info: 0, body: Buffer.alloc(filler) }, record], START);
  return runningAt(sourceOf(wal, START), lsn(at[1] ?? 0n));
}

describe('a WAL record', { timeout: 60_000 }, () => {
  test('is read over the borders of pages and segments', () => {
    fc.assert(
      fc.property(someRecords, (records) => {
        const { at, wal } = buildWal(records, START);
        for (const [index, { manager, info, body }] of records.entries()) {
          const reading = readWalRecord(sourceOf(wal, START), lsn(at[index] ?? 0n));
          assert.ok(reading.kind === 'record', reading.kind);
          assert.deepEqual([...reading.record.body], [...body]);
          assert.deepEqual([reading.record.manager, reading.record.kind], [manager, info]);
          const next = at[index + 1];
          if (next !== undefined) {
            const read = readWalRecord(sourceOf(wal, START), reading.record.endLsn);
            assert.equal(read.kind === 'record' && read.record.lsn, next);
          }
        }
      }),
    );
  });

  test('with any bit turned over is not read, nor in a page whose header is another', () => {
    fc.assert(
      fc.property(anyRecord, fc.nat(), fc.nat({ max: 200 }), (record, chance, filler) => {
        const { at, wal } = buildWal([{ manager: 0, info: 0, body: Buffer.alloc(filler) }, record], START);
        const begin = Number((at[1] ?? 0n) - START);
        const used = wal.length - begin;
        const source = sourceOf(wal, START);
        const whole = readWalRecord(source, lsn(at[1] ?? 0n));
        assert.equal(whole.kind, 'record');
        const bit = begin * 8 + (chance % (used * 8));
        const damaged = readWalRecord(sourceOf(flipped(wal, bit), START), lsn(at[1] ?? 0n));
        if (damaged.kind === 'record') {
          // Only what is no part of it: padding and flags of pages, or what stands behind it.
          assert.deepEqual(damaged, whole);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('with any bit of itself turned over is not read', () => {
    const { at, wal } = buildWal([{ manager: 8, info: 0x10, body: Buffer.from('some bytes') }], START);
    const begin = Number((at[0] ?? 0n) - START);
    for (let bit = begin * 8; bit < (begin + 34) * 8; bit += 1) {
      assert.notEqual(
        readWalRecord(sourceOf(flipped(wal, bit), START), lsn(at[0] ?? 0n)).kind,
        'record',
        String(bit),
      );
    }
  });

  test('is not read on over a page that does not go on with it', () => {
    const { at, wal } = buildWal([{ manager: 8, info: 0x10, body: Buffer.alloc(600) }], START);
    const header = smallShape.pageSize;
    // Magic, timeline, address, and the bytes that are left; not the flag that its records are in a backup.
    for (const [from, to] of [
      [0, 2],
      [4, 20],
    ] as const) {
      for (let bit = (header + from) * 8; bit < (header + to) * 8; bit += 1) {
        const reading = readWalRecord(sourceOf(flipped(wal, bit), START), lsn(at[0] ?? 0n));
        assert.equal(reading.kind, 'unreadable', String(bit));
      }
    }
  });

  test('is missing when a page of it is', () => {
    const { at, wal } = buildWal([{ manager: 8, info: 0x10, body: Buffer.alloc(600) }], START);
    const reading = readWalRecord(sourceOf(wal.subarray(0, 512), START), lsn(at[0] ?? 0n));
    assert.deepEqual(reading, { kind: 'missing', address: START + 512n });
  });

  test('does not begin between records, in the header of a page, or in the middle of one', () => {
    const { wal } = buildWal([{ manager: 8, info: 0x10, body: Buffer.alloc(600) }], START);
    const source = sourceOf(wal, START);
    for (const offset of [8n, 24n, 41n, 48n, 256n, 256n + 24n, 256n + 16n]) {
      assert.equal(readWalRecord(source, lsn(START + offset)).kind, 'unreadable', String(offset));
    }
  });

  test('that was given up by a crash is not put together from two', () => {
    const { at, wal } = buildWal([{ manager: 8, info: 0x10, body: Buffer.alloc(600) }], START);
    wal.writeUInt16LE(8, smallShape.pageSize + 2);
    assert.equal(readWalRecord(sourceOf(wal, START), lsn(at[0] ?? 0n)).kind, 'unreadable');
  });
});

describe('running transactions', { timeout: 60_000 }, () => {
  test('are none only when a record of their own says so', () => {
    assert.equal(judged(running()).kind, 'none');
    for (let filler = 0; filler < 400; filler += 1) {
      assert.equal(judged(running(), filler).kind, 'none', String(filler));
    }
  });

  test('are some with one that runs, with more than are listed, and with an older one than the next', () => {
    const one = judged(running({ transactions: 1, oldestRunningXid: 690, xids: [690] }));
    assert.ok(one.kind === 'some');
    assert.deepEqual(one.at.xids, [690]);
    assert.equal(judged(running({ oldestRunningXid: 690 })).kind, 'some');
    assert.equal(judged(running({ overflowed: true })).kind, 'some');
  });

  test('are listed however many they are', () => {
    const xids = Array.from({ length: 700 }, (_, index) => index + 10);
    const many = judged(running({ transactions: 300, subtransactions: 400, oldestRunningXid: 10, xids }));
    assert.ok(many.kind === 'some');
    assert.deepEqual(many.at.xids, xids);
  });

  test('are unknown by any other record, or one of another form', () => {
    const { body } = running();
    assert.equal(judged({ manager: 8, info: 0x20, body }).kind, 'unknown');
    assert.equal(judged({ manager: 9, info: 0x10, body }).kind, 'unknown');
    assert.equal(judged({ manager: 8, info: 0x10, body: body.subarray(0, 20) }).kind, 'unknown');
    assert.equal(
      judged({ manager: 8, info: 0x10, body: Buffer.concat([body, Buffer.alloc(4)]) }).kind,
      'unknown',
    );
    assert.equal(judged({ manager: 8, info: 0x10, body: Buffer.alloc(0) }).kind, 'unknown');
    // An origin before the data.
    assert.equal(
      judged({ manager: 8, info: 0x10, body: Buffer.concat([Buffer.from([253, 1, 0]), body]) }).kind,
      'unknown',
    );
    assert.equal(judged(running({ transactions: 2, xids: [690] })).kind, 'unknown');
    assert.equal(judged(running({ transactions: -1, subtransactions: 1 })).kind, 'unknown');
  });

  test('are unknown where the WAL is missing', () => {
    assert.equal(runningAt(sourceOf(Buffer.alloc(0), START), lsn(START + 40n)).kind, 'unknown');
  });
});
