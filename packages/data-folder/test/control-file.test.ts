import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type DataFolderMajor,
  dataFolderMajors,
  decodeControlFile,
  type FileFault,
  serverLayouts,
} from '@slotcast/data-folder';
import { withChecksum } from './checksums.ts';
import { faultOf, undetectedBits } from './faults.ts';

function controlFile(major: DataFolderMajor, change: (file: Buffer) => void = () => undefined): Buffer {
  const { version, catalogVersion, checksum } = serverLayouts[major].control;
  return withChecksum(Buffer.alloc(8192), {
    at: checksum,
    from: 0,
    to: checksum,
    change: (file) => {
      file.writeBigUInt64LE(7713452447396375687n, 0);
      file.writeUInt32LE(version, 8);
      file.writeUInt32LE(catalogVersion, 12);
      file.writeUInt32LE(2, 16);
      file.writeBigUInt64LE(0x15d9010n, 32);
      file.writeBigUInt64LE(0x15d8fd8n, 40);
      file.writeUInt32LE(3, 48);
      file.writeBigUInt64LE(2n ** 32n + 504n, 64);
      file.writeBigUInt64LE(0x15d9088n, 136);
      file.writeUInt32LE(3, 144);
      file.writeUInt32LE(2, 172);
      file.writeInt32LE(20, 192);
      file.writeUInt32LE(8192, 224);
      file.writeUInt32LE(2 ** 24, 228);
      change(file);
    },
  });
}

function faultWith(major: DataFolderMajor, change: (file: Buffer) => void): FileFault | undefined {
  return faultOf(() => decodeControlFile(controlFile(major, change)));
}

for (const major of dataFolderMajors) {
  describe(`the control file of ${major}`, { timeout: 60_000 }, () => {
    test('tells its major, the state, and positions', () => {
      const control = decodeControlFile(controlFile(major));
      assert.equal(control.major, major);
      assert.equal(control.systemIdentifier, '7713452447396375687');
      assert.equal(control.state, 'shut_down_in_recovery');
      assert.equal(control.checkpointLsn, 0x15d9010n);
      assert.equal(control.redoLsn, 0x15d8fd8n);
      assert.equal(control.timeline, 3);
      assert.equal(control.nextXid, 2n ** 32n + 504n);
      assert.equal(control.minRecoveryPoint, 0x15d9088n);
      assert.equal(control.minRecoveryTimeline, 3);
      assert.equal(control.walLevel, 'logical');
      assert.equal(control.backupStartPoint, undefined);
      assert.equal(control.backupEndRequired, false);
      assert.equal(control.walSegmentSize, 2 ** 24);
      assert.equal(control.maxPreparedTransactions, 20);
    });

    test('is refused with any of its covered bits turned over', () => {
      const { checksum } = serverLayouts[major].control;
      assert.deepEqual(undetectedBits(controlFile(major), 0, checksum + 4, decodeControlFile), []);
    });

    test('is refused when it is cut', () => {
      for (const length of [0, 8, 288, 300, 8191]) {
        assert.equal(
          faultOf(() => decodeControlFile(controlFile(major).subarray(0, length))),
          'short',
        );
      }
    });

    test('is refused with values that PostgreSQL does not know', () => {
      assert.equal(
        faultWith(major, (file) => file.writeUInt32LE(7, 16)),
        'state',
      );
      assert.equal(
        faultWith(major, (file) => file.writeUInt32LE(3, 172)),
        'wal_level',
      );
      assert.equal(
        faultWith(major, (file) => file.writeUInt32LE(3_000_000, 228)),
        'size',
      );
      assert.equal(
        faultWith(major, (file) => file.writeBigUInt64LE(0n, 40)),
        'position',
      );
      assert.equal(
        faultWith(major, (file) => file.writeUInt32LE(0, 48)),
        'timeline',
      );
      assert.equal(
        faultWith(major, (file) => file.writeBigUInt64LE(0n, 0)),
        'system',
      );
      assert.equal(
        faultWith(major, (file) => file.writeUInt32LE(202_501_011, 12)),
        'version',
      );
    });
  });
}

test('a primary has no minimum recovery point', { timeout: 20_000 }, () => {
  const control = decodeControlFile(
    controlFile(18, (file) => {
      file.writeBigUInt64LE(0n, 136);
      file.writeUInt32LE(0, 144);
    }),
  );
  assert.equal(control.minRecoveryPoint, undefined);
  assert.equal(control.minRecoveryTimeline, undefined);
});
