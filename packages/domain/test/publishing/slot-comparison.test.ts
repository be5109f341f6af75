import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  compareSlots,
  diffSlots,
  lsn,
  type PublishedSlots,
  type SlotComparison,
  type SlotState,
} from '@slotcast/domain';
import * as fc from 'fast-check';
import { saying } from '../reason-examples.ts';
import { anySlots, logicalSlot } from '../vocabulary-examples.ts';

function publish(states: readonly SlotState[]): PublishedSlots {
  const incarnation = { epoch: 3, seq: 7 };
  return new Map(states.map((state) => [state.name, { state, incarnation, publishedAt: 0 }]));
}

const nothingOrphaned = {
  orphans: [],
  isPutAway: () => false,
  records: { ownership: new Map(), lineage: undefined, promotion: undefined },
};

describe('comparing look after look with the topic', { timeout: 20_000 }, () => {
  test('what is left out because nothing is new changes no answer', () => {
    const place = fc.nat(2);
    const steps = fc.array(fc.record({ look: place, topic: place }), { maxLength: 12 });
    fc.assert(
      fc.property(fc.tuple(anySlots, anySlots, anySlots), steps, (sets, chosen) => {
        const topics = sets.map(publish);
        const unreadable: never[] = [];
        let before: SlotComparison | undefined;
        let last: ReadonlyMap<SlotState['name'], SlotState> | undefined;
        for (const { look, topic } of chosen) {
          const [observed, published] = [sets[look] ?? [], topics[topic] ?? new Map()];
          const plain = diffSlots({
            published,
            observed,
            lastObserved: last,
            continuity: last === undefined ? 'other_server' : 'same_run',
            unreadable,
          });
          const now = { ...nothingOrphaned, published, slots: observed, unreadable };
          before = compareSlots(before, now, 'other_server');
          assert.deepEqual(before.changes, plain);
          last = new Map(observed.map((state) => [state.name, state]));
        }
      }),
    );
  });

  test('the same look at the same topic is not compared again, where both agreed', () => {
    const slots = [logicalSlot('a')];
    const now = { ...nothingOrphaned, published: publish(slots), slots, unreadable: [] };
    const first = compareSlots(undefined, now, 'other_server');
    assert.equal(compareSlots(first, now, 'other_server'), first);
  });

  test('what was held back is found again', () => {
    const slots = [logicalSlot('a', { confirmedFlushLsn: lsn(0x3000n) })];
    const now = { ...nothingOrphaned, published: publish([logicalSlot('a')]), slots, unreadable: [] };
    const first = compareSlots(undefined, now, 'other_server');
    assert.equal(compareSlots(first, now, 'other_server').changes.length, 1);
  });

  test('a slot that can no longer be read is seen as that, whatever else is as before', () => {
    const slots = [logicalSlot('a')];
    const now = {
      ...nothingOrphaned,
      published: publish([logicalSlot('a'), logicalSlot('b')]),
      slots,
      unreadable: [],
    };
    const hidden = [{ slot: 'b', reason: saying('its restart_lsn cannot be read') }];
    const first = compareSlots(undefined, { ...now, unreadable: hidden }, 'other_server');
    assert.deepEqual(first.changes, []);
    assert.deepEqual(
      compareSlots(first, now, 'other_server').changes.map(({ kind }) => kind),
      ['drop'],
    );
  });
});
