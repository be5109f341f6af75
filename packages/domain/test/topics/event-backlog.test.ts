import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  compareOrder,
  type EventBacklog,
  emptyBacklog,
  ingest,
  isApplicable,
  type Lsn,
  MAX_WAITING_PER_SLOT,
  type Manifest,
  parseSlotName,
  type ReplayPoint,
  type SettledBacklog,
  type SlotEvent,
  settle,
  timeline,
} from '@slotcast/domain';
import * as fc from 'fast-check';
import { at, firstTimeline, manifest, slotEvent } from '../event-examples.ts';

const a = parseSlotName('a');

type TopicRecord = SlotEvent | Manifest;

/** This server replays timeline 3, which left timeline 1 at 100 and never was on timeline 2. */
const descendant = {
  timeline: timeline(3),
  ancestors: [{ timeline: timeline(1), switchLsn: at(100) }],
};

function replayed(position: number, history = firstTimeline): ReplayPoint {
  return { history, replayLsn: at(position) };
}

function fed(records: readonly TopicRecord[], onto: EventBacklog = emptyBacklog): EventBacklog {
  return ingest(onto, records);
}

function desiredSeq(settled: SettledBacklog): number | undefined {
  return settled.desired.get(a)?.seq;
}

describe('what is applied at a point of replay', { timeout: 20_000 }, () => {
  test('the newest event that replay has reached is applied, and the later ones wait', () => {
    const settled = settle(fed([1, 2, 3, 4].map((seq) => slotEvent('a', { seq }))), replayed(2));
    assert.equal(desiredSeq(settled), 2);
    assert.equal(settled.waiting.get(a)?.oldest.seq, 3);
    assert.equal(settled.waiting.get(a)?.newest.seq, 4);
  });

  test('an event at exactly the replay position is applied', () => {
    assert.equal(desiredSeq(settle(fed([slotEvent('a', { lsn: 7 })]), replayed(7))), 1);
    assert.equal(desiredSeq(settle(fed([slotEvent('a', { lsn: 7 })]), replayed(6))), undefined);
  });

  test('slots wait each for itself', () => {
    const records = [slotEvent('a', { seq: 1, lsn: 5 }), slotEvent('b', { seq: 2, lsn: 9 })];
    const settled = settle(fed(records), replayed(5));
    assert.deepEqual([...settled.desired.keys()], ['a']);
    assert.deepEqual([...settled.waiting.keys()], ['b']);
  });

  test('newest means newest in event order, not at the highest position', () => {
    const records = [slotEvent('a', { epoch: 1, lsn: 50 }), slotEvent('a', { epoch: 2, lsn: 40 })];
    const settled = settle(fed(records), replayed(60));
    assert.equal(settled.desired.get(a)?.epoch, 2);
    assert.equal(settled.waiting.size, 0);
  });

  test('an event that is superseded before replay reaches it is never applied', () => {
    const records = [slotEvent('a', { epoch: 1, lsn: 50 }), slotEvent('a', { epoch: 2, lsn: 40 })];
    const early = settle(fed(records), replayed(45));
    assert.equal(early.desired.get(a)?.epoch, 2);
    assert.equal(settle(early.backlog, replayed(60)).desired.get(a)?.epoch, 2);
  });

  test('the newest manifest that replay has reached is the one that counts', () => {
    const records = [manifest(['a'], { seq: 1 }), manifest([], { seq: 2 }), manifest(['b'], { seq: 3 })];
    assert.equal(settle(fed(records), replayed(2)).manifest?.seq, 2);
    assert.equal(settle(emptyBacklog, replayed(2)).manifest, undefined);
  });

  test('what is superseded is forgotten', () => {
    const records = [1, 2, 3].map((seq) => slotEvent('a', { seq }));
    const { backlog } = settle(fed([...records, manifest([], { seq: 4 })]), replayed(9));
    assert.deepEqual(backlog.events.get(a), [records[2]]);
  });
});

describe('events of other timelines', { timeout: 20_000 }, () => {
  test('an event of a timeline that was left before its position is forgotten', () => {
    const records = [
      slotEvent('a', { seq: 1, lsn: 100 }),
      slotEvent('a', { seq: 2, lsn: 101 }),
      slotEvent('b', { timeline: 2, epoch: 2, lsn: 90 }),
    ];
    const settled = settle(fed(records), replayed(200, descendant));
    assert.equal(desiredSeq(settled), 1);
    assert.equal(settled.waiting.size, 0);
    assert.deepEqual([...settled.backlog.events.keys()], ['a']);
  });

  test('an event of an unknown newer timeline waits, however far replay is, until the server follows that timeline', () => {
    const records = [
      slotEvent('a', { seq: 1, lsn: 90 }),
      slotEvent('a', { timeline: 3, epoch: 2, lsn: 120 }),
    ];
    const before = settle(fed(records), replayed(500));
    assert.equal(before.desired.get(a)?.epoch, 1);
    assert.equal(before.waiting.get(a)?.newest.epoch, 2);
    const after = settle(before.backlog, replayed(130, descendant));
    assert.equal(after.desired.get(a)?.epoch, 2);
  });

  test('what waited on the timeline that was left does not hide what comes on the next', () => {
    const records = [slotEvent('a', { lsn: 150 }), slotEvent('a', { timeline: 3, epoch: 2, lsn: 140 })];
    const settled = settle(fed(records), replayed(120, descendant));
    assert.equal(settled.desired.size, 0);
    assert.equal(settled.waiting.get(a)?.oldest.epoch, 2);
    assert.equal(settle(settled.backlog, replayed(140, descendant)).desired.get(a)?.epoch, 2);
  });

  test('a manifest of a branch that was left says nothing', () => {
    const records = [manifest(['a'], { lsn: 90 }), manifest([], { seq: 2, lsn: 150 })];
    assert.equal(settle(fed(records), replayed(200, descendant)).manifest?.seq, 1);
  });
});

describe('a long wait', { timeout: 20_000 }, () => {
  const many = Array.from({ length: 20 * MAX_WAITING_PER_SLOT }, (_, index) =>
    slotEvent('a', { seq: index + 1, lsn: 1000 * (index + 1) }),
  );
  const behind = replayed(1500);

  /** Feeds all events in batches to a standby that stands still. */
  function paused(): SettledBacklog {
    let settled = settle(emptyBacklog, behind);
    for (let from = 0; from < many.length; from += 100) {
      settled = settle(fed(many.slice(from, from + 100), settled.backlog), behind);
    }
    return settled;
  }

  test('memory is bounded, and the applied, the oldest and the newest waiting event stay', () => {
    const settled = paused();
    assert.ok((settled.backlog.events.get(a)?.length ?? 0) <= MAX_WAITING_PER_SLOT);
    assert.equal(desiredSeq(settled), 1);
    assert.equal(settled.waiting.get(a)?.oldest.seq, 2);
    assert.equal(settled.waiting.get(a)?.newest.seq, many.length);
  });

  test('what stays is spread over the whole wait, so that a delayed standby has something to apply all along', () => {
    const kept = paused().backlog.events.get(a) ?? [];
    const gaps = kept.slice(1).map((event, index) => event.seq - (kept[index]?.seq ?? 0));
    assert.ok(Math.max(...gaps) <= many.length / 64, `largest gap ${Math.max(...gaps)} of ${many.length}`);
  });

  test('a standby delayed by a constant distance keeps moving', () => {
    const delay = 10 * MAX_WAITING_PER_SLOT;
    let settled = settle(emptyBacklog, replayed(1));
    for (let from = 0; from < many.length; from += 100) {
      const reached = 1000 * Math.max(1, from - delay);
      settled = settle(fed(many.slice(from, from + 100), settled.backlog), replayed(reached));
      const behindBy = Math.max(0, from - delay) - (desiredSeq(settled) ?? 0);
      assert.ok(behindBy <= delay / 64, `${behindBy} events behind its own point in WAL`);
    }
  });

  test('events at one position are worth one', () => {
    const still = many.map((event) => ({ ...event, lsn: at(5000) }));
    const backlog = fed(still);
    assert.ok((backlog.events.get(a)?.length ?? 0) <= MAX_WAITING_PER_SLOT);
    assert.equal(desiredSeq(settle(backlog, replayed(5000))), many.length);
  });

  test('manifests are bounded as well', () => {
    const beats = many.map((event) => manifest([], { seq: event.seq, lsn: Number(event.lsn) }));
    const settled = settle(fed(beats), replayed(Number.MAX_SAFE_INTEGER));
    assert.equal(settled.manifest?.seq, many.length);
    assert.ok(fed(beats).manifests.length <= MAX_WAITING_PER_SLOT);
  });
});

/** Records in topic order, over two timelines and several tenures; positions do not go back within a tenure. */
const anyRecords: fc.Arbitrary<TopicRecord[]> = fc
  .array(
    fc.record({
      name: fc.constantFrom('a', 'b', '@'),
      step: fc.integer({ min: 0, max: 12 }),
      next: fc.constantFrom('seq', 'seq', 'seq', 'seq', 'epoch', 'timeline'),
    }),
    { maxLength: 40 },
  )
  .map((steps) => {
    let place = { timeline: 1, epoch: 1, seq: 0, lsn: 1 };
    return steps.map(({ name, step, next }) => {
      const { epoch, seq } = place;
      place = next === 'seq' ? { ...place, seq: seq + 1, lsn: place.lsn + step } : claimed(place, step);
      if (next === 'timeline') {
        place = { ...place, timeline: place.timeline === 1 ? 3 : place.timeline + 1, epoch: epoch + 1 };
      }
      return name === '@' ? manifest([], place) : slotEvent(name, place);
    });
  });

function claimed(place: { timeline: number; epoch: number; lsn: number }, back: number) {
  return { timeline: place.timeline, epoch: place.epoch + 1, seq: 1, lsn: Math.max(1, place.lsn - back) };
}

const anyHistory = fc.constantFrom(firstTimeline, descendant);

/** What a caller sees. */
function outcome({ desired, manifest: newest, waiting }: SettledBacklog) {
  return { desired, newest, waiting };
}

/** The same with what is kept for later. */
function everything({ desired, furthest, manifest: newest, waiting, nextDueLsn, backlog }: SettledBacklog) {
  const { events, confirmed, manifests } = backlog;
  return { desired, furthest, newest, waiting, nextDueLsn, events, confirmed, manifests };
}

describe('backlog, whatever the records', { timeout: 30_000 }, () => {
  test('any split into batches, with replay looked at in between or not, settles the same', () => {
    const anyCuts = fc.array(fc.tuple(fc.integer({ min: 1, max: 8 }), fc.boolean()), { maxLength: 40 });
    fc.assert(
      fc.property(
        anyRecords,
        anyCuts,
        anyHistory,
        fc.integer({ min: 1, max: 200 }),
        (records, cuts, history, reached) => {
          const point = replayed(reached, history);
          let backlog = emptyBacklog;
          let from = 0;
          for (const [size, looksAt] of cuts) {
            backlog = fed(records.slice(from, from + size), backlog);
            backlog = looksAt ? settle(backlog, point).backlog : backlog;
            from += size;
          }
          backlog = fed(records.slice(from), backlog);
          assert.deepEqual(outcome(settle(backlog, point)), outcome(settle(fed(records), point)));
        },
      ),
    );
  });

  test('what was found before and is looked at no more is what a look at everything finds, wherever replay goes', () => {
    const anyRounds = fc.array(
      fc.record({
        size: fc.integer({ min: 0, max: 6 }),
        reached: fc.integer({ min: 1, max: 200 }),
        history: anyHistory,
        forward: fc.boolean(),
      }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(anyRecords, anyRounds, (records, rounds) => {
        let backlog = emptyBacklog;
        let from = 0;
        let furthest = 1;
        let line = firstTimeline;
        for (const { size, reached, history, forward } of rounds) {
          backlog = fed(records.slice(from, from + size), backlog);
          from += size;
          furthest = forward ? Math.max(furthest, reached) : reached;
          line = forward ? line : history;
          const point = replayed(furthest, line);
          const settled = settle(backlog, point);
          const afresh = settle({ ...backlog, settled: undefined, news: new Set() }, point);
          assert.deepEqual(everything(settled), everything(afresh));
          backlog = settled.backlog;
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a slot without news keeps its entries, and the maps stay the same when no slot has any', () => {
    const records = [slotEvent('a', { seq: 1, lsn: 5 }), slotEvent('b', { seq: 2, lsn: 9 })];
    const first = settle(fed(records), replayed(6));
    const then = settle(fed([manifest(['a'], { seq: 3, lsn: 3 })], first.backlog), replayed(7));
    assert.equal(then.desired, first.desired);
    assert.equal(then.waiting, first.waiting);
    assert.equal(then.backlog.events, first.backlog.events);
    assert.equal(then.nextDueLsn, at(9));
    const last = settle(fed([slotEvent('b', { seq: 4, lsn: 10 })], then.backlog), replayed(20));
    assert.equal(last.desired.get(a), records[0]);
    assert.equal(last.backlog.events.get(a), first.backlog.events.get(a));
    assert.equal(last.nextDueLsn, undefined);
  });

  test('replay in any steps ends the same as in one', () => {
    const anySteps = fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 20 });
    fc.assert(
      fc.property(anyRecords, anySteps, anyHistory, (records, steps, history) => {
        const points = steps.toSorted((x, y) => x - y).map((reached) => replayed(reached, history));
        const last = replayed(200, history);
        let backlog = fed(records);
        for (const point of points) {
          backlog = settle(backlog, point).backlog;
        }
        assert.deepEqual(outcome(settle(backlog, last)), outcome(settle(fed(records), last)));
      }),
    );
  });

  test('what is applied is the last applicable record, and only what is newer and not on another branch waits', () => {
    fc.assert(
      fc.property(anyRecords, anyHistory, fc.integer({ min: 1, max: 200 }), (records, history, reached) => {
        const point = replayed(reached, history);
        const settled = settle(fed(records), point);
        const ofA = records.filter((record) => record.kind === 'slot').filter((event) => event.slot === a);
        const newest = ofA.filter((event) => isApplicable(event, point)).at(-1);
        assert.deepEqual(settled.desired.get(a), newest);
        const oldest = settled.waiting.get(a)?.oldest;
        if (oldest !== undefined && newest !== undefined) {
          assert.ok(compareOrder(oldest, newest) > 0);
        }
        if (oldest !== undefined && oldest.timeline === history.timeline) {
          const position: Lsn = oldest.lsn;
          assert.ok(position > point.replayLsn);
        }
      }),
    );
  });
});
