import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  emptyBacklog,
  ingest,
  NextRecords,
  type SlotEvent,
  type SlotsRecord,
  settle,
  type TopicAtPoint,
  topicAtPoint,
  type Written,
} from '@slotcast/domain';
import { at, firstTimeline, manifest, slotEvent } from '../event-examples.ts';

/** Records that the brokers wrote one second after the other. */
function topic(records: readonly SlotsRecord[]): readonly Written<SlotsRecord>[] {
  return records.map((record) => ({ record, writtenAt: record.seq * 1000 }));
}

const history = topic([
  manifest(['app'], { seq: 1, lsn: 10 }),
  slotEvent('app', { seq: 2, lsn: 20 }),
  slotEvent('app', { seq: 3, lsn: 30 }),
  manifest(['app'], { seq: 4, lsn: 40 }),
  slotEvent('app', { seq: 5, lsn: 50 }),
]);

function pointAt(
  written: readonly Written<SlotsRecord>[],
  options: { readonly lsn: number; readonly compactedBefore: number; readonly goesOn?: 'standby' },
): ReturnType<typeof topicAtPoint> {
  const records = written.map(({ record }) => record);
  const settled = settle(ingest(emptyBacklog, records), {
    history: firstTimeline,
    replayLsn: at(options.lsn),
  });
  const here = [...settled.desired.values(), ...(settled.manifest === undefined ? [] : [settled.manifest])];
  const next = new NextRecords(here);
  next.take(written);
  const newestManifest = records.findLast((record) => record.kind === 'manifest');
  const events = records.filter((record): record is SlotEvent => record.kind === 'slot');
  const newest = new Map(events.map((event) => [event.slot, event]));
  const reading = { settled, newest, newestManifest, next, compactedBefore: options.compactedBefore };
  return topicAtPoint(reading, { goesOn: options.goesOn ?? 'restored', consistentLsn: at(options.lsn) });
}

function known(point: ReturnType<typeof topicAtPoint>): TopicAtPoint {
  assert.ok('desired' in point, 'code' in point ? point.code : '');
  return point;
}

function eventIn({ desired }: TopicAtPoint): SlotEvent {
  const [event] = desired.values();
  assert.ok(event !== undefined);
  return event;
}

describe('a topic as of a position', { timeout: 10_000 }, () => {
  test('has the newest event and the newest manifest at or before it', () => {
    const point = known(pointAt(history, { lsn: 30, compactedBefore: 0 }));
    assert.equal(eventIn(point).seq, 3);
    assert.equal(point.manifest.seq, 1);
  });

  test('is whole where the next record is too young to have taken the place of one that was between', () => {
    const whole = known(pointAt(history, { lsn: 30, compactedBefore: 4000 }));
    assert.equal(whole.isWhole(eventIn(whole)), true);
    const lastOne = known(pointAt(history, { lsn: 50, compactedBefore: 1_000_000 }));
    assert.equal(lastOne.isWhole(eventIn(lastOne)), true, 'nothing came after it');
  });

  test('may lack an event that compaction has removed: of this slot, and of no other', () => {
    // Seq 3 at 30 is gone, and by what is left the slot stood as in seq 2.
    const compacted = history.filter(({ record }) => record.seq !== 3 && record.seq !== 1);
    const before = topic([manifest(['app'], { seq: 0, lsn: 5 }), manifest(['app'], { seq: 1, lsn: 10 })]);
    const point = known(pointAt([...before, ...compacted], { lsn: 35, compactedBefore: 4000 }));
    assert.equal(eventIn(point).seq, 2);
    assert.equal(point.isWhole(eventIn(point)), true, 'the next event, seq 5, is younger');
    const older = known(pointAt([...before, ...compacted], { lsn: 45, compactedBefore: 6000 }));
    assert.equal(older.isWhole(eventIn(older)), false);
  });

  test('is not whole where the next record that is left lies at or before the point: it was thinned away while it waited', () => {
    const records = history.slice(0, 3);
    const [, second] = records;
    assert.ok(second?.record.kind === 'slot');
    const next = new NextRecords([second.record]);
    next.take(records);
    const settled = settle(
      ingest(
        emptyBacklog,
        records.slice(0, 2).map(({ record }) => record),
      ),
      {
        history: firstTimeline,
        replayLsn: at(35),
      },
    );
    const reading = { settled, newest: new Map(), newestManifest: undefined, next, compactedBefore: 0 };
    const point = known(topicAtPoint(reading, { goesOn: 'restored', consistentLsn: at(35) }));
    assert.equal(point.isWhole(eventIn(point)), false);
  });

  test('says which slots there were only where no manifest can be missing', () => {
    const gone = pointAt(history, { lsn: 30, compactedBefore: 4001 });
    assert.equal('code' in gone && gone.code, 'rebuild_outside_window');
    const none = pointAt(history, { lsn: 5, compactedBefore: 0 });
    assert.equal('code' in none && none.code, 'rebuild_outside_window');
  });

  test('a standby goes by the newest manifest, which lists what the primary has now', () => {
    const point = known(pointAt(history, { lsn: 30, compactedBefore: 1_000_000, goesOn: 'standby' }));
    assert.equal(point.manifest.seq, 4);
  });

  test('the next record counts on whatever branch it lies', () => {
    const other = topic([
      ...history.slice(0, 3).map(({ record }) => record),
      slotEvent('app', { seq: 6, epoch: 2, timeline: 2, lsn: 25 }),
    ]);
    const [, , event] = history;
    assert.ok(event?.record.kind === 'slot');
    const next = new NextRecords([event.record]);
    next.take(other);
    assert.equal(next.of(event.record)?.record.timeline, 2);
  });
});
