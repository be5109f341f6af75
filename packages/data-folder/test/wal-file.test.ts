import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  decodeWalPage,
  type FileFault,
  historyFileName,
  parseWalFileName,
  segmentAt,
  segmentNumber,
  walFileName,
} from '@slotcast/data-folder';
import { lsn, parseLsn, timeline, timelineAt } from '@slotcast/domain';
import * as fc from 'fast-check';
import { anyLsn } from './arbitraries.ts';
import { faultOf, undetectedBits } from './faults.ts';
import { buildWal, smallShape } from './wal-builder.ts';

const MEBIBYTE = 2 ** 20;
const history = {
  timeline: timeline(5),
  ancestors: [
    { timeline: timeline(1), switchLsn: parseLsn('0/3000500') },
    { timeline: timeline(3), switchLsn: parseLsn('0/5000000') },
  ],
};

function nameAt(text: string, size = 16): string {
  const number = segmentNumber(parseLsn(text), size * MEBIBYTE);
  return walFileName({ timeline: timeline(1), number }, size * MEBIBYTE);
}

describe('the name of a WAL file', { timeout: 20_000 }, () => {
  test('is that of the segment that begins at a border', () => {
    assert.equal(nameAt('0/3000000'), '000000010000000000000003');
    assert.equal(nameAt('0/2FFFFFF'), '000000010000000000000002');
    assert.equal(nameAt('A/FF000028'), '000000010000000A000000FF');
    assert.equal(nameAt('A/FF000028', 1), '000000010000000A00000FF0');
    assert.equal(nameAt('A/FF000028', 64), '000000010000000A0000003F');
  });

  test('is read to the segment that it was made of', () => {
    fc.assert(
      fc.property(
        anyLsn,
        fc.integer({ min: 1, max: 2 ** 32 - 1 }),
        fc.constantFrom(1, 16, 64, 1024),
        (position, tli, size) => {
          const segment = { timeline: timeline(tli), number: segmentNumber(position, size * MEBIBYTE) };
          assert.deepEqual(parseWalFileName(walFileName(segment, size * MEBIBYTE), size * MEBIBYTE), segment);
        },
      ),
    );
  });

  test('is none of a history, a part, or a segment beyond the last of its kind', () => {
    for (const name of [
      '00000002.history',
      '000000010000000000000003.partial',
      '000000000000000000000003',
      '000000010000000000000100',
      '00000001000000000000000a',
    ]) {
      assert.equal(parseWalFileName(name, 16 * MEBIBYTE), undefined, name);
    }
    assert.equal(historyFileName(timeline(26)), '0000001A.history');
  });

  test('is of the timeline that was current there, and of the later one where one ends within', () => {
    assert.equal(timelineAt(history, parseLsn('0/30004FF')), 1);
    assert.equal(timelineAt(history, parseLsn('0/3000500')), 3);
    assert.equal(timelineAt(history, parseLsn('0/5000000')), 5);
    const segment = (text: string) => segmentAt(history, parseLsn(text), 16 * MEBIBYTE).timeline;
    assert.deepEqual(
      ['0/2FFFFFF', '0/3000000', '0/3000500', '0/4FFFFFF', '0/5000000'].map(segment),
      [1, 3, 3, 3, 5],
    );
  });
});

describe('the first page of a WAL file', { timeout: 20_000 }, () => {
  const address = 0x3000000n;
  const { wal } = buildWal([{ manager: 0, info: 0, body: Buffer.alloc(10) }], address);
  const expected = { shape: smallShape, address, timeline: timeline(1) };

  function judge(bytes: Uint8Array): unknown {
    return decodeWalPage(bytes, expected);
  }
  function fault(other: Partial<typeof expected>): FileFault | undefined {
    return faultOf(() => decodeWalPage(wal, { ...expected, ...other }));
  }

  test('is taken where it belongs', () => {
    assert.equal(decodeWalPage(wal, expected).timeline, 1);
  });

  test('is refused on another server, another major, elsewhere, and on another timeline', () => {
    assert.equal(fault({ address: address + 1024n }), 'address');
    assert.equal(fault({ timeline: timeline(2) }), 'timeline');
    assert.equal(fault({ shape: { ...smallShape, major: 17 } }), 'magic');
    assert.equal(fault({ shape: { ...smallShape, pageSize: 512 } }), 'size');
    assert.equal(fault({ shape: { ...smallShape, segmentSize: 2048 } }), 'size');
    assert.equal(
      faultOf(() => decodeWalPage(Buffer.alloc(8192), expected)),
      'magic',
    );
    assert.equal(
      faultOf(() => decodeWalPage(wal.subarray(0, 39), expected)),
      'short',
    );
  });

  test('is refused with any bit of what it tells turned over', () => {
    const told = [
      [0, 2],
      [4, 16],
      [24, 40],
    ] as const;
    assert.deepEqual(
      told.flatMap(([from, to]) => undetectedBits(wal, from, to, judge)),
      [],
    );
    assert.equal(
      faultOf(() => decodeWalPage(wal, { ...expected, address: lsn(address + 256n) })),
      'address',
    );
  });
});
