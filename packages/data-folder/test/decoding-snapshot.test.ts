import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  checkDecodingSnapshot,
  type DataFolderMajor,
  dataFolderMajors,
  decodingSnapshotName,
  serverLayouts,
} from '@slotcast/data-folder';
import { parseLsn } from '@slotcast/domain';
import { withChecksum } from './checksums.ts';
import { faultOf, flipped, undetectedBits } from './faults.ts';

function snapshot(major: DataFolderMajor, change: (file: Buffer) => void = () => undefined): Buffer {
  return withChecksum(Buffer.alloc(148), {
    at: 4,
    from: 8,
    change: (file) => {
      file.writeUInt32LE(0x51a1e001, 0);
      file.writeUInt32LE(serverLayouts[major].snapshotVersion, 8);
      file.writeUInt32LE(file.length, 12);
      file.writeUInt32LE(2, 16);
      change(file);
    },
  });
}

test('a decoding snapshot has the name of its position, without leading zeros', { timeout: 20_000 }, () => {
  assert.equal(decodingSnapshotName(parseLsn('0/8002CC8')), '0-8002CC8.snap');
  assert.equal(decodingSnapshotName(parseLsn('A/28')), 'A-28.snap');
});

for (const major of dataFolderMajors) {
  describe(`a decoding snapshot of ${major}`, { timeout: 20_000 }, () => {
    test('is taken when it is whole, and refused with any bit turned over', () => {
      const judge = (bytes: Uint8Array): void => checkDecodingSnapshot(bytes, major);
      const bytes = snapshot(major);
      assert.equal(
        faultOf(() => judge(bytes)),
        undefined,
      );
      assert.deepEqual(undetectedBits(bytes, 0, bytes.length, judge), []);
    });

    test('is refused when it is cut, longer, of another version, or of no consistent state', () => {
      const fault = (bytes: Uint8Array) => faultOf(() => checkDecodingSnapshot(bytes, major));
      const bytes = snapshot(major);
      assert.equal(fault(bytes.subarray(0, 147)), 'short');
      assert.equal(fault(bytes.subarray(0, 10)), 'short');
      assert.equal(fault(Buffer.concat([bytes, Buffer.alloc(1)])), 'long');
      assert.equal(fault(flipped(bytes, 8 * 20)), 'checksum');
      assert.equal(fault(snapshot(major, (file) => file.writeUInt32LE(7, 8))), 'version');
      assert.equal(fault(snapshot(major, (file) => file.writeUInt32LE(1, 16))), 'state');
      assert.equal(fault(Buffer.alloc(148)), 'magic');
    });
  });
}
