import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isInvalidated, sameIdentity, xidPrecedesOrEquals } from '@slotcast/domain';
import * as fc from 'fast-check';
import { logicalSlot, physicalSlot } from '../vocabulary-examples.ts';

const normalXid = fc.integer({ min: 3, max: 0xffff_ffff });

describe('transaction ids', { timeout: 20_000 }, () => {
  test('are compared across the wraparound', () => {
    assert.equal(xidPrecedesOrEquals(100, 200), true);
    assert.equal(xidPrecedesOrEquals(200, 100), false);
    assert.equal(xidPrecedesOrEquals(0xffff_fff0, 5), true);
    assert.equal(xidPrecedesOrEquals(5, 0xffff_fff0), false);
    assert.equal(xidPrecedesOrEquals(3, 0x8000_0002), true);
    assert.equal(xidPrecedesOrEquals(3, 0x8000_0004), false);
  });

  test('an id precedes each of the next 2^31-1 ids, and none of these precedes it', () => {
    fc.assert(
      fc.property(normalXid, fc.integer({ min: 1, max: 2 ** 31 - 1 }), (xid, ahead) => {
        const later = (xid + ahead) % 2 ** 32;
        fc.pre(later >= 3);
        assert.equal(xidPrecedesOrEquals(xid, later), true);
        assert.equal(xidPrecedesOrEquals(later, xid), false);
        assert.equal(xidPrecedesOrEquals(xid, xid), true);
      }),
    );
  });

  test('the ids that are no transactions are older than every other', () => {
    fc.assert(
      fc.property(normalXid, fc.integer({ min: 0, max: 2 }), (xid, special) => {
        assert.equal(xidPrecedesOrEquals(special, xid), true);
        assert.equal(xidPrecedesOrEquals(xid, special), false);
      }),
    );
  });
});

describe('slot state', { timeout: 20_000 }, () => {
  test('a slot is invalidated when its WAL is lost or a reason is given', () => {
    assert.equal(isInvalidated(logicalSlot('a')), false);
    assert.equal(isInvalidated(logicalSlot('a', { walStatus: 'unreserved' })), false);
    assert.equal(isInvalidated(logicalSlot('a', { walStatus: 'lost', restartLsn: undefined })), true);
    assert.equal(isInvalidated(logicalSlot('a', { invalidationReason: 'rows_removed' })), true);
  });

  test('positions and activity do not make another slot; type, plugin, database and two_phase do', () => {
    const slot = logicalSlot('a');
    assert.equal(sameIdentity(slot, logicalSlot('a', { active: false, restartLsn: undefined })), true);
    assert.equal(sameIdentity(slot, physicalSlot('a')), false);
    assert.equal(sameIdentity(slot, logicalSlot('a', { plugin: 'wal2json' })), false);
    assert.equal(sameIdentity(slot, logicalSlot('a', { database: 'other', databaseOid: 16_385 })), false);
    assert.equal(sameIdentity(slot, logicalSlot('a', { twoPhase: true })), false);
  });

  test('a database is known by its oid, whatever it is called', () => {
    const slot = logicalSlot('a', { databaseOid: 16_384 });
    assert.equal(sameIdentity(slot, logicalSlot('a', { databaseOid: 16_384, database: 'store' })), true);
    assert.equal(sameIdentity(slot, logicalSlot('a', { databaseOid: 16_385 })), false);
    assert.equal(sameIdentity(slot, logicalSlot('a', { database: undefined })), true);
  });
});
