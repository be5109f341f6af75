import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkCatalogPin, type LocalLogicalSlot, type LocalSlot, type SlotEvent } from '@slotcast/domain';
import { manifest, slotEvent } from '../event-examples.ts';
import { logicalSlot, physicalSlot } from '../vocabulary-examples.ts';

const bravo = { node: 'bravo', hotStandbyFeedback: true, primarySlotName: 'to_bravo' };

function onPrimary(catalogXmin?: number): SlotEvent {
  return slotEvent('to_bravo', { node: 'alpha' }, { state: physicalSlot('to_bravo', { catalogXmin }) });
}

function judge(event: SlotEvent | undefined, slots: LocalSlot[], self: Partial<typeof bravo> = {}) {
  return checkCatalogPin(
    { ...bravo, ...self, slots },
    {
      manifest: manifest([], {}),
      heartbeat: undefined,
      last: undefined,
      highestEpoch: 1,
      slots: new Map(event === undefined ? [] : [[event.slot, event]]),
      nodes: new Map(),
      silentMs: new Map(),
      nodeSlots: [],
    },
  );
}

function local(name: string, over: Partial<LocalLogicalSlot> = {}): LocalLogicalSlot {
  return { ...logicalSlot(name), temporary: false, ...over };
}

describe('the pin of a standby', { timeout: 5000 }, () => {
  test('is held for the slot that needs the oldest rows', () => {
    const slots = [local('a', { catalogXmin: 760 }), local('b', { catalogXmin: 750 })];
    assert.equal(judge(onPrimary(750), slots)[0]?.outcome, 'ok');
    const [behind] = judge(onPrimary(751), slots);
    assert.equal(behind?.outcome, 'failed');
    assert.match(behind?.message ?? '', /catalog_xmin 751, needed 750/);
  });

  test('need not be held for temporary or invalidated slots, nor for those of PostgreSQL itself', () => {
    const lost = local('c', { walStatus: 'lost', catalogXmin: 700 });
    const slots = [local('a', { temporary: true }), local('b', { synced: true }), lost];
    assert.equal(judge(onPrimary(), slots)[0]?.outcome, 'ok');
  });

  test('has no way up without the physical slot, also before there are slots', () => {
    const [missing] = judge(undefined, []);
    assert.equal(missing?.outcome, 'failed');
    assert.equal(
      missing?.remedy,
      "/* upstream */ SELECT pg_create_physical_replication_slot('to_bravo', true);",
    );
  });

  test('is left to the checks of the settings while feedback is off here', () => {
    assert.deepEqual(judge(onPrimary(750), [], { hotStandbyFeedback: false }), []);
  });
});
