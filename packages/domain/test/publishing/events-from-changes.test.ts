import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  applyPublished,
  diffSlots,
  eventsFromChanges,
  lsn,
  manifestSlots,
  type PublishedSlots,
  type SlotState,
  sameState,
  timeline,
} from '@slotcast/domain';
import * as fc from 'fast-check';
import { anySlots, logicalSlot } from '../vocabulary-examples.ts';

function originAt(epoch: number, seq: number) {
  return { lsn: lsn(0x5000n), timeline: timeline(2), epoch, seq, node: 'n1', time: 1_700_000_000_000 + seq };
}

/** Publishes what a poll showed, as the publisher does. */
function publish(published: PublishedSlots, observed: readonly SlotState[], epoch: number, seq: number) {
  const changes = diffSlots({ published, observed, continuity: 'same_run' });
  const batch = eventsFromChanges(changes, originAt(epoch, seq));
  return { ...batch, published: applyPublished(published, batch.events) };
}

const empty: PublishedSlots = new Map();

describe('events from changes', { timeout: 20_000 }, () => {
  test('a create is its own incarnation, and later events carry it', () => {
    const created = publish(empty, [logicalSlot('a'), logicalSlot('b')], 4, 10);
    assert.deepEqual(
      created.events.map(({ op, slot, seq, incarnation }) => ({ op, slot, seq, incarnation })),
      [
        { op: 'create', slot: 'a', seq: 10, incarnation: { epoch: 4, seq: 10 } },
        { op: 'create', slot: 'b', seq: 11, incarnation: { epoch: 4, seq: 11 } },
      ],
    );
    assert.equal(created.nextSeq, 12);
    const moved = publish(created.published, [logicalSlot('b', { catalogXmin: 9 })], 5, 1);
    assert.deepEqual(
      moved.events.map(({ op, slot, epoch, seq, incarnation }) => ({ op, slot, epoch, seq, incarnation })),
      [
        { op: 'drop', slot: 'a', epoch: 5, seq: 1, incarnation: { epoch: 4, seq: 10 } },
        { op: 'update', slot: 'b', epoch: 5, seq: 2, incarnation: { epoch: 4, seq: 11 } },
      ],
    );
  });

  test('an event says where and when it was made, with the whole state', () => {
    const { events } = publish(empty, [logicalSlot('a')], 4, 10);
    assert.deepEqual(events, [
      {
        ...originAt(4, 10),
        kind: 'slot',
        op: 'create',
        slot: 'a',
        incarnation: { epoch: 4, seq: 10 },
        state: logicalSlot('a'),
      },
    ]);
  });

  test('a remake is a drop of the old incarnation with its last state, then a create of a new one', () => {
    const before = publish(empty, [logicalSlot('a')], 4, 1).published;
    const remade = logicalSlot('a', { plugin: 'wal2json' });
    const { events, nextSeq } = publish(before, [remade], 4, 2);
    assert.deepEqual(
      events.map(({ op, seq, incarnation, state }) => ({ op, seq, incarnation, state })),
      [
        { op: 'drop', seq: 2, incarnation: { epoch: 4, seq: 1 }, state: logicalSlot('a') },
        { op: 'create', seq: 3, incarnation: { epoch: 4, seq: 3 }, state: remade },
      ],
    );
    assert.equal(nextSeq, 4);
  });

  test('poll after poll, the events replayed onto what was published give what the server shows', () => {
    fc.assert(
      fc.property(fc.array(anySlots, { maxLength: 6 }), (polls) => {
        let published = empty;
        let seq = 1;
        for (const observed of polls) {
          const batch = publish(published, observed, 1, seq);
          assert.deepEqual(
            batch.events.map((event) => event.seq),
            batch.events.map((_, index) => seq + index),
          );
          assert.equal(batch.nextSeq, seq + batch.events.length);
          for (const event of batch.events) {
            const known = published.get(event.slot)?.incarnation;
            const own = { epoch: event.epoch, seq: event.seq };
            assert.deepEqual(event.incarnation, event.op === 'create' ? own : known);
          }
          published = batch.published;
          seq = batch.nextSeq;
          assert.deepEqual(new Set(published.keys()), new Set(observed.map((slot) => slot.name)));
          for (const slot of observed) {
            const after = published.get(slot.name);
            assert.ok(after !== undefined && sameState(after.state, slot));
          }
        }
      }),
    );
  });

  test('the map that events are applied to is left as it was', () => {
    const before = publish(empty, [logicalSlot('a')], 1, 1).published;
    publish(before, [], 1, 2);
    assert.equal(before.size, 1);
    assert.equal(before.get(logicalSlot('a').name)?.publishedAt, 1_700_000_000_001);
  });

  test('a create without a state is refused', () => {
    const [event] = publish(empty, [logicalSlot('a')], 1, 1).events;
    assert.ok(event !== undefined);
    assert.throws(
      () => applyPublished(empty, [{ ...event, state: undefined }]),
      /create of slot a .* has no state/,
    );
  });

  test('the manifest lists the live slots by name', () => {
    const { published } = publish(empty, [logicalSlot('b'), logicalSlot('a')], 1, 1);
    assert.deepEqual(manifestSlots(published), [
      { name: 'a', incarnation: { epoch: 1, seq: 1 } },
      { name: 'b', incarnation: { epoch: 1, seq: 2 } },
    ]);
    assert.deepEqual(manifestSlots(new Map([...published].toReversed())), manifestSlots(published));
  });
});
