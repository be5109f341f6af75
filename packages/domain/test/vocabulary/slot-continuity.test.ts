import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isSlotOf, type Promotion, type SlotRecords, timeline } from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { owning } from '../following/plan-situations.ts';
import { logicalSlot, physicalSlot } from '../vocabulary-examples.ts';

const shown = logicalSlot('a');
const published = { incarnation: { epoch: 1, seq: 1 }, state: shown };
const promotion: Promotion = { timeline: timeline(2), switchLsn: at(0x5000), ahead: [], lost: [], time: 0 };

function records(over: Partial<SlotRecords> = {}): SlotRecords {
  return { ownership: new Map([[shown.name, owning()]]), lineage: 'first', promotion, ...over };
}

describe('a slot is the one that was published', { timeout: 20_000 }, () => {
  test("when it is slotcast's own copy of it, or PostgreSQL's", () => {
    assert.equal(isSlotOf(shown, published, records()), true);
    const none = records({ ownership: new Map() });
    assert.equal(isSlotOf(logicalSlot('a', { synced: true }), published, none), true);
    assert.equal(isSlotOf(shown, published, none), false);
  });

  test('not when it is of another incarnation or topic, not known to be safe, or of another kind', () => {
    const owned = [
      owning({ incarnation: { epoch: 1, seq: 2 } }),
      owning({ lineage: 'x' }),
      owning({ proven: false }),
    ];
    for (const each of owned) {
      assert.equal(isSlotOf(shown, published, records({ ownership: new Map([[shown.name, each]]) })), false);
    }
    assert.equal(isSlotOf(logicalSlot('a', { plugin: 'wal2json' }), published, records()), false);
    assert.equal(isSlotOf(physicalSlot('a'), published, records()), false);
    assert.equal(isSlotOf(undefined, published, records()), false);
  });

  test('not when the hand-off found it lost, or renamed it; one that is only ahead stays', () => {
    const lost = { ...promotion, lost: [{ slot: shown.name, reasons: [] }] };
    assert.equal(isSlotOf(shown, published, records({ promotion: lost })), false);
    for (const [outcome, is] of [
      ['quarantined', false],
      ['unsafe', true],
      ['fenced', true],
    ] as const) {
      const ahead = { ...promotion, ahead: [{ slot: shown.name, confirmedFlushLsn: at(0x6000), outcome }] };
      assert.equal(isSlotOf(shown, published, records({ promotion: ahead })), is);
    }
  });
});
