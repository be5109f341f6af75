import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  CANARY_SLOT,
  canaryText,
  diffSlots,
  isLogical,
  judgeCanarySlot,
  type LogicalSlotState,
  markCanary,
  parseSlotFilters,
  readCanaryText,
  type SlotState,
  wantsSlot,
} from '@slotcast/domain';
import * as fc from 'fast-check';
import { at } from '../event-examples.ts';
import { logicalSlot, physicalSlot, shop } from '../vocabulary-examples.ts';

const options = { timeout: 20_000 };

function canary(over: Partial<LogicalSlotState> = {}): LogicalSlotState {
  return logicalSlot(CANARY_SLOT, over);
}

describe('the canary slot on a standby', options, () => {
  test('is wanted whatever the filters say, but not with empty ones', () => {
    for (const text of [
      'name_like:%',
      'orders_cdc',
      '!name_like:slotcast%',
      'database:other',
      'plugin:wal2json',
    ]) {
      assert.equal(wantsSlot(parseSlotFilters(text), canary()), true, text);
    }
    assert.equal(wantsSlot(parseSlotFilters(''), canary()), false);
  });

  test('is told from a slot that only has its name, which the filters decide on like on any other', () => {
    const foreign = canary({ plugin: 'wal2json' });
    assert.equal(wantsSlot(parseSlotFilters('orders_cdc'), foreign), false);
    assert.equal(wantsSlot(parseSlotFilters('plugin:wal2json'), foreign), true);
    assert.equal(wantsSlot(parseSlotFilters('orders_cdc'), logicalSlot('orders_cdc')), true);
    assert.equal(wantsSlot(parseSlotFilters('orders_cdc'), logicalSlot('billing')), false);
  });
});

describe('the slot of the canary name on the primary', options, () => {
  test('is missing, usable or lost', () => {
    const others = [logicalSlot('orders_cdc'), physicalSlot('db2')];
    assert.deepEqual(judgeCanarySlot(others, shop), { kind: 'missing' });
    assert.deepEqual(judgeCanarySlot([...others, canary()], shop), { kind: 'usable' });
    const lost = canary({ walStatus: 'lost', restartLsn: undefined });
    assert.deepEqual(judgeCanarySlot([lost], shop), { kind: 'lost' });
  });

  const foreign: [SlotState, RegExp][] = [
    [canary({ plugin: 'test_decoding' }), /plugin test_decoding instead of pgoutput/],
    [canary({ database: 'other', databaseOid: 16_385 }), /belongs to database other, not to shop/],
    [canary({ twoPhase: true }), /prepared transactions/],
    [canary({ database: 'other', databaseOid: 16_385, walStatus: 'lost' }), /belongs to database other/],
    [physicalSlot(CANARY_SLOT), /slotcast_canary is a physical slot, so/],
  ];
  for (const [slot, reason] of foreign) {
    test(`is somebody else's: ${reason.source}`, () => {
      const verdict = judgeCanarySlot([slot], shop);
      assert.match(verdict.kind === 'foreign' ? verdict.reason : verdict.kind, reason);
    });
  }
});

describe('a message of the canary', options, () => {
  test('carries its time', () => {
    fc.assert(
      fc.property(fc.nat({ max: Date.UTC(9999, 0) }), (time) => {
        assert.equal(readCanaryText(canaryText(time)), time);
      }),
    );
  });

  test('is not taken for one when anything else wrote it', () => {
    for (const text of ['', '{}', 'null', '{"time":"1"}', '{"time":-1}', '{"time":1e300}', '{"time":1} ']) {
      assert.equal(readCanaryText(text), undefined, text);
    }
  });
});

describe('the time of the canary', options, () => {
  const beats = [
    { commitLsn: at(100), writtenAt: 1000 },
    { commitLsn: at(200), writtenAt: 2000 },
  ];
  const timeAt = (position: number | undefined): number | undefined => {
    const confirmedFlushLsn = position === undefined ? undefined : at(position);
    const slots = [logicalSlot('orders_cdc', { confirmedFlushLsn: at(500) }), canary({ confirmedFlushLsn })];
    const [other, marked] = markCanary(slots, beats);
    assert.deepEqual(other, slots[0]);
    return isLogical(marked) ? marked.canaryTime : undefined;
  };

  test('is that of the newest change that the slot stands past', () => {
    assert.equal(timeAt(undefined), undefined);
    assert.equal(timeAt(100), undefined);
    assert.equal(timeAt(101), 1000);
    assert.equal(timeAt(200), 1000);
    assert.equal(timeAt(999), 2000);
  });

  test('alone is no change of the slot', () => {
    const incarnation = { epoch: 1, seq: 1 };
    const published = new Map([[CANARY_SLOT, { state: canary(), incarnation, publishedAt: 0 }]]);
    const observed = [canary({ canaryTime: 5 })];
    assert.deepEqual(diffSlots({ published, observed, continuity: 'same_run' }), []);
  });
});
