import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  compareOrder,
  emptyBacklog,
  emptySlotsTopic,
  foldSlots,
  ingest,
  parseSlotName,
  type SlotsRecord,
  type SlotsTopic,
  settle,
  type Written,
} from '@slotcast/domain';
import * as fc from 'fast-check';
import { at, firstTimeline, manifest, slotEvent, written } from '../event-examples.ts';

const a = parseSlotName('a');

function topicOf(records: readonly SlotsRecord[]): SlotsTopic {
  return foldSlots(emptySlotsTopic, written(records)).topic;
}

/** What a consumer that has replayed everything applies to slot `a`. */
function applied(batches: readonly (readonly SlotsRecord[])[]) {
  let topic = emptySlotsTopic;
  let backlog = emptyBacklog;
  for (const batch of batches) {
    const fold = foldSlots(topic, written(batch));
    topic = fold.topic;
    backlog = ingest(
      backlog,
      fold.accepted.map(({ record }) => record),
    );
  }
  return settle(backlog, { history: firstTimeline, replayLsn: at(1000) }).desired.get(a);
}

describe('what the slots topic says', { timeout: 20_000 }, () => {
  test('a record that does not follow the last one is rejected, named, and changes nothing but the largest epoch', () => {
    const topic = topicOf([slotEvent('a', { timeline: 2, epoch: 5, seq: 7, node: 'beta' })]);
    const late: SlotsRecord[] = [
      slotEvent('a', { timeline: 1, epoch: 9, seq: 9 }),
      slotEvent('a', { timeline: 2, epoch: 4, seq: 9 }),
      slotEvent('b', { timeline: 2, epoch: 5, seq: 6 }),
      slotEvent('a', { timeline: 2, epoch: 5, seq: 7 }),
      manifest([], { timeline: 2, epoch: 5, seq: 7 }),
    ];
    for (const record of late) {
      const after = foldSlots(topic, written([record]));
      assert.deepEqual(
        after.rejected.map((rejection) => rejection.record),
        [record],
      );
      assert.match(after.rejected[0]?.reason ?? '', /of node alpha came after event .* of node beta/);
      assert.deepEqual(after.accepted, []);
      assert.deepEqual(after.topic, { ...topic, highestEpoch: Math.max(5, record.epoch) });
    }
  });

  test('a manifest of a timeline that the topic has left is nobody’s newest one, whatever its epoch', () => {
    const second = manifest([], { timeline: 2, epoch: 2, node: 'beta' });
    const topic = topicOf([second, manifest(['a'], { timeline: 1, epoch: 3 })]);
    assert.equal(topic.manifest?.record, second);
    assert.equal(topic.highestEpoch, 3, 'the next tenure takes another epoch than the one that was rejected');
  });

  test('records after a rejected one are taken', () => {
    const fold = foldSlots(emptySlotsTopic, written([1, 3, 2, 4].map((seq) => slotEvent('a', { seq }))));
    assert.deepEqual(
      fold.rejected.map(({ record }) => record.seq),
      [2],
    );
    assert.equal(fold.topic.newest.get(a)?.record.seq, 4);
  });

  test('the tombstone after its drop is no news and the last state stays known', () => {
    const drop = slotEvent('a', { seq: 2 }, { op: 'drop' });
    const tombstone = slotEvent('a', { seq: 2 }, { op: 'drop', state: undefined });
    for (const batches of [[[drop, tombstone]], [[drop], [tombstone]]]) {
      assert.deepEqual(applied(batches), drop);
    }
    const { accepted, rejected } = foldSlots(emptySlotsTopic, written([drop, tombstone]));
    assert.equal(accepted.length, 1);
    assert.deepEqual(rejected, []);
  });

  test('a tombstone whose drop was removed by compaction is the drop', () => {
    const tombstone = slotEvent('a', { seq: 2 }, { op: 'drop', state: undefined });
    assert.deepEqual(applied([[slotEvent('b', { seq: 1 }), tombstone]]), tombstone);
  });

  test('a slot that was dropped is gone, until it is made anew', () => {
    const events = [slotEvent('a', { seq: 1 }), slotEvent('a', { seq: 2 }, { op: 'drop' })];
    assert.equal(topicOf(events).newest.has(a), false);
    const again = slotEvent('a', { seq: 3 }, { op: 'create', incarnation: { epoch: 1, seq: 3 } });
    assert.equal(topicOf([...events, again]).newest.get(a)?.record, again);
  });
});

const anyRecord: fc.Arbitrary<Written<SlotsRecord>> = fc
  .record({
    name: fc.constantFrom('a', 'b', '@'),
    op: fc.constantFrom('update' as const, 'drop' as const),
    timeline: fc.integer({ min: 1, max: 3 }),
    epoch: fc.integer({ min: 1, max: 3 }),
    seq: fc.integer({ min: 1, max: 6 }),
    writtenAt: fc.integer({ min: 0, max: 50 }),
  })
  .map(({ name, op, writtenAt, ...where }) => ({
    record: name === '@' ? manifest([], where) : slotEvent(name, where, { op }),
    writtenAt,
  }));
const anyTopic = fc.array(anyRecord, { maxLength: 30 });

describe('any records in the slots topic', { timeout: 20_000 }, () => {
  test('say the same in whatever batches they are read', () => {
    fc.assert(
      fc.property(anyTopic, fc.array(fc.nat({ max: 5 }), { maxLength: 20 }), (records, sizes) => {
        const whole = foldSlots(emptySlotsTopic, records);
        const accepted: Written<SlotsRecord>[] = [];
        let topic = emptySlotsTopic;
        let from = 0;
        for (const size of [...sizes, records.length]) {
          const fold = foldSlots(topic, records.slice(from, from + size));
          from += size;
          topic = fold.topic;
          accepted.push(...fold.accepted);
        }
        assert.deepEqual(topic, whole.topic);
        assert.deepEqual(accepted, whole.accepted);
      }),
    );
  });

  test('are believed in event order only: the newest manifest is the last in that order, and so is the newest event', () => {
    fc.assert(
      fc.property(anyTopic, (records) => {
        const { topic, accepted, rejected } = foldSlots(emptySlotsTopic, records);
        const taken = accepted.map(({ record }) => record);
        taken.slice(1).forEach((record, index) => {
          const before = taken[index];
          assert.ok(before === undefined || compareOrder(record, before) > 0, 'believed out of order');
        });
        assert.equal(
          topic.manifest?.record,
          taken.findLast(({ kind }) => kind === 'manifest'),
        );
        const last = taken.findLast((record) => record.kind === 'slot' && record.slot === a);
        const live = last?.kind === 'slot' && last.op !== 'drop' ? last : undefined;
        assert.equal(topic.newest.get(a)?.record, live);
        // Out of order is what comes after something newer that was believed.
        const late = rejected.every(({ record }) => taken.some((other) => compareOrder(other, record) >= 0));
        assert.ok(late, 'rejected in order');
        const all = records.map(({ record }) => record);
        assert.equal(topic.highestEpoch, Math.max(0, ...all.map(({ epoch }) => epoch)));
      }),
    );
  });

  test('in event order are all believed', () => {
    fc.assert(
      fc.property(anyTopic, (records) => {
        const places = new Set<string>();
        const ordered = records
          .toSorted((x, y) => compareOrder(x.record, y.record))
          .filter(({ record: { timeline, epoch, seq } }) => {
            const place = `${timeline}/${epoch}/${seq}`;
            const fresh = !places.has(place);
            places.add(place);
            return fresh;
          });
        assert.deepEqual(foldSlots(emptySlotsTopic, ordered).accepted, ordered);
      }),
    );
  });
});
