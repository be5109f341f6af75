import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkReplicationSlots, checkWalSenders } from '@slotcast/domain';
import * as fc from 'fast-check';

const size = { logicalSlots: 4, databases: 2, standbys: 3 };

function slots(max: number, used: number, inRecovery: boolean) {
  return checkReplicationSlots({ max, used, inRecovery }, size);
}

describe('room for replication slots', { timeout: 20_000 }, () => {
  test('is enough for logical slots, standbys and a temporary slot per database', () => {
    assert.equal(slots(9, 4, true).outcome, 'ok');
    assert.match(slots(9, 4, true).message, /needed 9 \(4 logical slots, 3 standbys, 2 databases/);
  });

  test('that lacks only what a standby needs after a promotion is a warning', () => {
    assert.equal(slots(8, 4, true).outcome, 'warning');
    assert.match(slots(8, 4, true).remedy, /^ALTER SYSTEM SET max_replication_slots = 9; .*restart/);
  });

  test('in which the copies do not fit fails on a standby, and warns on a primary', () => {
    assert.equal(slots(5, 3, true).outcome, 'failed');
    assert.equal(slots(5, 5, false).outcome, 'warning');
    const carrying = { ...size, carriedPhysical: 2 };
    assert.equal(slots(7, 4, true).outcome, 'warning');
    assert.equal(checkReplicationSlots({ max: 7, used: 4, inRecovery: true }, carrying).outcome, 'failed');
  });

  test('that is all taken fails on a standby even where the numbers would do', () => {
    assert.equal(slots(9, 9, true).outcome, 'failed');
    assert.match(slots(9, 9, true).remedy, /= 11;/);
  });

  test('is enough after the remedy', () => {
    const few = fc.nat({ max: 20 });
    fc.assert(
      fc.property(
        few,
        few,
        few,
        few,
        few,
        fc.boolean(),
        (max, used, logicalSlots, databases, standbys, inRecovery) => {
          const needs = { logicalSlots, databases, standbys };
          const { outcome, remedy } = checkReplicationSlots({ max, used, inRecovery }, needs);
          const raised = outcome === 'ok' ? max : Number(/= (\d+);/.exec(remedy)?.[1]);
          assert.equal(checkReplicationSlots({ max: raised, used, inRecovery }, needs).outcome, 'ok');
        },
      ),
    );
  });
});

describe('room for walsenders', { timeout: 20_000 }, () => {
  test('is enough for standbys, subscribers, 2 of slotcast and one per database', () => {
    assert.equal(checkWalSenders({ max: 11, busy: 3 }, size).outcome, 'ok');
    assert.match(checkWalSenders({ max: 11, busy: 3 }, size).message, /needed 11 .* 4 for slotcast/);
  });

  test('that not all could use at once is a warning, and fails when slotcast cannot get in now', () => {
    assert.equal(checkWalSenders({ max: 10, busy: 3 }, size).outcome, 'warning');
    assert.equal(checkWalSenders({ max: 8, busy: 6 }, size).outcome, 'warning');
    assert.equal(checkWalSenders({ max: 8, busy: 7 }, size).outcome, 'failed');
  });

  test('counts those that are busy when they are more than is known', () => {
    const { outcome, remedy } = checkWalSenders({ max: 21, busy: 20 }, size);
    assert.equal(outcome, 'failed');
    assert.match(remedy, /standbys first.*max_wal_senders = 24;/);
  });
});
