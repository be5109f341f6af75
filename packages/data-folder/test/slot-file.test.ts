import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dataFolderMajors, decodeSlotFile, encodeSlotFile, type SlotFile } from '@slotcast/data-folder';
import { lsn, parseSlotName } from '@slotcast/domain';
import * as fc from 'fast-check';
import { anySlotFile } from './arbitraries.ts';
import { withChecksum } from './checksums.ts';
import { faultOf, flipped, undetectedBits } from './faults.ts';

const slot: SlotFile = {
  name: parseSlotName('orders'),
  databaseOid: 5,
  persistency: 'persistent',
  xmin: undefined,
  catalogXmin: 751,
  restartLsn: lsn(0x3000028n),
  confirmedFlushLsn: lsn(0x3000060n),
  twoPhase: false,
  twoPhaseAt: undefined,
  plugin: 'pgoutput',
  synced: false,
  failover: false,
  invalidated: 0,
  invalidatedAt: undefined,
};

for (const major of dataFolderMajors) {
  describe(`the state file of a slot on ${major}`, { timeout: 60_000 }, () => {
    test('is decoded to what was encoded', () => {
      fc.assert(
        fc.property(anySlotFile(major), (any) => {
          assert.deepEqual(decodeSlotFile(encodeSlotFile(any, major), major), any);
        }),
      );
    });

    test('is refused with any of its bits turned over', () => {
      fc.assert(
        fc.property(anySlotFile(major), (any) => {
          const bytes = encodeSlotFile(any, major);
          assert.deepEqual(
            undetectedBits(bytes, 0, bytes.length, (file) => decodeSlotFile(file, major)),
            [],
          );
        }),
        { numRuns: 10 },
      );
    });

    test('is refused when it is cut or has more bytes', () => {
      const bytes = encodeSlotFile(slot, major);
      for (let length = 0; length < bytes.length; length += 1) {
        assert.equal(
          faultOf(() => decodeSlotFile(bytes.subarray(0, length), major)),
          'short',
          String(length),
        );
      }
      assert.equal(
        faultOf(() => decodeSlotFile(Buffer.concat([bytes, Buffer.alloc(1)]), major)),
        'long',
      );
    });

    test('says what is wrong with it', () => {
      const bytes = encodeSlotFile(slot, major);
      const fault = (change: (file: Buffer) => void): unknown =>
        faultOf(() => decodeSlotFile(withChecksum(bytes, { at: 4, from: 8, change }), major));
      assert.equal(
        fault((file) => file.writeUInt32LE(1, 84)),
        undefined,
      );
      assert.equal(
        fault((file) => file.writeUInt32LE(3, 84)),
        'persistency',
      );
      assert.equal(
        fault((file) => file.writeUInt32LE(99, 8)),
        'version',
      );
      assert.equal(
        fault((file) => file.writeUInt32LE(177, 12)),
        'length',
      );
      assert.equal(
        fault((file) => file.write('Orders', 16)),
        'name',
      );
      assert.equal(
        fault((file) => file.fill(0, 16, 80)),
        'name',
      );
      assert.equal(
        fault((file) => file.fill('a', 16, 80)),
        'name',
      );
      assert.equal(
        fault((file) => file.write('x', 60)),
        'name',
      );
      assert.equal(
        fault((file) => file.writeBigUInt64LE(2n ** 63n, 96)),
        'position',
      );
      assert.equal(
        faultOf(() => decodeSlotFile(flipped(bytes, 0), major)),
        'magic',
      );
      assert.equal(
        faultOf(() => decodeSlotFile(flipped(bytes, 16 * 8), major)),
        'checksum',
      );
      if (major >= 14) {
        assert.equal(
          fault((file) => file.writeUInt8(2, 128)),
          'flag',
        );
        assert.equal(
          fault((file) => file.writeUInt8(1, 199)),
          'padding',
        );
      }
      if (major >= 16) {
        assert.equal(
          fault((file) => file.writeUInt8(1, 110)),
          'padding',
        );
        assert.equal(
          fault((file) => file.writeUInt32LE(77, 104)),
          'invalidation',
        );
      }
    });
  });
}

describe('a slot that a major has no place for', { timeout: 20_000 }, () => {
  test('is not written', () => {
    assert.throws(() => encodeSlotFile({ ...slot, twoPhase: true }, 13), /13: there is no two_phase/);
    assert.throws(() => encodeSlotFile({ ...slot, failover: true }, 16), /16: there is no failover/);
    assert.throws(() => encodeSlotFile({ ...slot, synced: true }, 16), /16: there is no failover/);
    assert.throws(() => encodeSlotFile({ ...slot, invalidatedAt: lsn(1n) }, 16), /no invalidated_at/);
    assert.throws(() => encodeSlotFile({ ...slot, invalidated: 1 }, 15), /does not know 1/);
    assert.throws(() => encodeSlotFile({ ...slot, invalidated: 3 }, 18), /does not know 3/);
    assert.throws(() => encodeSlotFile({ ...slot, plugin: 'x'.repeat(64) }, 18), /does not fit/);
  });

  test('is told from one of another major by its version or its length', () => {
    for (const [written, read, fault] of [
      [13, 14, 'length'],
      [15, 16, 'version'],
      [16, 17, 'version'],
    ] as const) {
      assert.equal(
        faultOf(() => decodeSlotFile(encodeSlotFile(slot, written), read)),
        fault,
      );
      assert.equal(
        faultOf(() => decodeSlotFile(encodeSlotFile(slot, read), written)),
        fault,
      );
    }
  });
});
