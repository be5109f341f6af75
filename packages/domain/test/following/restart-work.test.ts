import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  databaseKey,
  isLeaderOfUse,
  noteDecoding,
  noteGapAges,
  OVERDUE_MS,
  overdueGaps,
  type RestartGap,
  type RestartInput,
  type RestartWork,
  type SlotName,
  unknownCost,
  type WaveSource,
} from '@slotcast/domain';
import * as fc from 'fast-check';
import { choose, gap, gaps, leadingSlot, name } from './restart-examples.ts';
import { LARGEST, MIB, mib } from './restart-sizes.ts';

describe('what is done about restart_lsn', { timeout: 20_000 }, () => {
  test('is nothing below the largest gap', () => {
    assert.deepEqual(choose({ gaps: gaps(100, 64), walPerSecond: 1e9 }), { kind: 'rest' });
  });

  test('is an advance of the slot that is furthest behind, while that is affordable', () => {
    const work = choose({ gaps: [gap('a', 65), gap('b', 90), gap('c', 70)], walPerSecond: 5e6 });
    assert.deepEqual(work, { kind: 'advance', gap: gap('b', 90), why: 'affordable' });
  });

  test('is a wave when so many slots, or so much WAL, would take more than their share', () => {
    const many = gaps(100, 100);
    assert.equal(choose({ gaps: many, walPerSecond: 5e6 }).kind, 'advance');
    assert.equal(
      choose({ gaps: gaps(100, 96), walPerSecond: 15e6 }).kind,
      'rest',
      'names are missing less often',
    );
    assert.equal(choose({ gaps: many, walPerSecond: 15e6 }).kind, 'wave');
    assert.equal(choose({ gaps: many, walPerSecond: 5e6, duty: 0.05 }).kind, 'wave');
    assert.equal(choose({ gaps: gaps(20, 128) }).kind, 'advance');
    assert.equal(choose({ gaps: gaps(20, 129) }).kind, 'wave', 'advances do not keep up');
    const cheap = noteDecoding(unknownCost, { bytes: 1e9, tookMs: 50 });
    assert.equal(choose({ gaps: many, walPerSecond: 15e6, cost: cheap }).kind, 'advance');
  });

  test('is an advance where a wave is impossible, or saves nothing', () => {
    const costly = { walPerSecond: 1e9 };
    const why = (over: Partial<RestartInput>): string => {
      const work = choose({ ...costly, ...over });
      return work.kind === 'advance' ? work.why : work.kind;
    };
    assert.equal(why({ gaps: gaps(100, 100), freeSlots: 1 }), 'no_room');
    assert.equal(why({ gaps: gaps(2, 100) }), 'alone');
    assert.equal(why({ gaps: gaps(10, 100).map((each) => ({ ...each, remakeable: false })) }), 'alone');
    const apart = gaps(10, 100).map((each, index) =>
      gap(each.slot, 100, { position: mib(10_000 + index * 200) }),
    );
    assert.equal(why({ gaps: apart }), 'alone');
    const databases = gaps(10, 100).map((each, index) => ({
      ...each,
      database: { name: 'shop', oid: index },
    }));
    assert.equal(why({ gaps: databases }), 'alone');
    assert.equal(why({ gaps: gaps(100, 100) }), 'wave');
  });

  test('rests for slots that failed or gained nothing', () => {
    const resting = new Set(gaps(100, 100).map(({ slot }) => slot));
    assert.deepEqual(choose({ gaps: gaps(100, 100), resting }), { kind: 'rest' });
  });

  test('begins a wave with the slot that needs least WAL, and takes along those that are nearly due', () => {
    const source = gap('young', 32, { position: mib(9_999) });
    const nearly = gap('nearly', 40, { position: mib(10_010) });
    const young = gap('later', 1, { position: mib(10_020) });
    const work = choose({ gaps: [young, ...gaps(50, 100), nearly, source], walPerSecond: 1e9 });
    assert.ok(work.kind === 'wave' && work.wave.led);
    assert.deepEqual(work.wave.source, source);
    assert.equal(work.wave.stages.length, 1);
    assert.equal(work.wave.stages[0]?.target, mib(10_000));
    assert.deepEqual(work.wave.stages[0]?.slots.at(-1), nearly);
    assert.equal(work.wave.stages[0]?.slots.length, 51);
  });

  test('decodes nothing where a slot needs so little WAL that a copy of it serves as it is', () => {
    const ready = gap('ready', 30, { position: mib(9_990) });
    const readier = gap('readier', 1, { position: mib(9_999) });
    const before = gap('before', 100, { position: mib(9_980) });
    const apart = gap('apart', 100, { position: mib(9_995), wanted: mib(9_993), bytes: 98n * MIB });
    const late = gap('late', 100, { position: mib(10_050), wanted: mib(9_993), restartLsn: mib(9_800) });
    const all = [before, ...gaps(20, 105), readier, ready, apart, late];
    const work = choose({ gaps: all, walPerSecond: 1e9 });
    assert.ok(work.kind === 'wave' && !work.wave.led);
    assert.deepEqual(work.wave.source, readier);
    assert.equal(work.wave.stages.length, 1);
    const [stage] = work.wave.stages;
    assert.equal(stage?.target, readier.position);
    assert.deepEqual(
      stage?.slots.map(({ slot }) => slot),
      [...gaps(20, 105), late].map(({ slot }) => slot),
    );
  });

  test('waits for more slots to share a wave, until the last one was little of the time, or something is urgent', () => {
    const costly = { walPerSecond: 1e9, gaps: gaps(50, 100) };
    const after = (agoMs: number, costMs = 90, over: Partial<RestartInput> = {}): string =>
      choose({ ...costly, ...over, last: { costMs, agoMs } }).kind;
    assert.equal(after(4499), 'rest');
    assert.equal(after(4500), 'wave');
    assert.equal(after(9999, 1e6), 'rest');
    assert.equal(after(10_000, 1e6), 'wave');
    assert.equal(after(1000, 90, { gaps: [...gaps(50, 100), gap('far', 193)] }), 'wave');
    assert.equal(after(0, 90, { gaps: gaps(2, 100) }), 'rest', 'an advance that costs as much waits, too');
    assert.equal(
      after(0, 90, { gaps: gaps(2, 100), walPerSecond: 0 }),
      'advance',
      'an affordable one does not',
    );
  });

  test('is for the slot that is furthest behind first', () => {
    // It stands before all others, so the leading slot has to start there.
    const slow = gap('slow', 120, { position: mib(9_990) });
    const quick = gap('quick', 32, { position: mib(9_999) });
    const work = choose({ gaps: [...gaps(50, 100), quick, slow], walPerSecond: 1e9 });
    assert.ok(work.kind === 'wave');
    assert.deepEqual(work.wave.source, slow);
    assert.equal(work.wave.stages[0]?.slots.length, 51);
    const bound = gap('bound', 110, { remakeable: false });
    assert.deepEqual(choose({ gaps: [...gaps(50, 100), bound], walPerSecond: 1e9 }), {
      kind: 'advance',
      gap: bound,
      why: 'alone',
    });
    const ready = gap('ready', 0);
    assert.equal(choose({ gaps: [...gaps(50, 100), bound, ready], walPerSecond: 1e9 }).kind, 'advance');
    // What stands before a source that needs little, and is not due itself, is no source.
    const low = gap('low', 10, { position: mib(9_998), restartLsn: mib(9_000) });
    const left = choose({ gaps: [...gaps(50, 105), quick, low], walPerSecond: 1e9 });
    assert.ok(left.kind === 'wave');
    assert.deepEqual(left.wave.source, quick);
    assert.equal(left.wave.stages[0]?.slots.length, 50);
  });

  test('is done from the leading slot of the last wave as long as it serves, decoding nothing', () => {
    const leader = leadingSlot(20, mib(9_990));
    const all = [...gaps(20, 105), gap('far', 120, { position: mib(10_300), wanted: mib(9_995) })];
    const chosen = (over: Partial<RestartInput>): RestartWork =>
      choose({ gaps: all, walPerSecond: 1e9, leader, ...over });
    const work = chosen({});
    assert.ok(work.kind === 'wave' && !work.wave.led);
    assert.deepEqual(work.wave.source, leader);
    assert.equal(work.wave.leavesOut, undefined);
    assert.equal(work.wave.stages[0]?.slots.length, 21);
    const sourceOf = (over: Partial<RestartInput>): string | undefined => {
      const other = chosen(over);
      return other.kind === 'wave' ? other.wave.source.slot : undefined;
    };
    assert.notEqual(sourceOf({ leader: { ...leader, database: { name: 'x', oid: 2 } } }), leader.slot);
    assert.notEqual(sourceOf({ leader: { ...leader, restartLsn: mib(9_960) } }), leader.slot, 'gains little');
    assert.notEqual(sourceOf({ leader: { ...leader, position: mib(10_400) } }), leader.slot, 'is beyond all');
  });

  test('leaves a place free for the slot that is dropped, and the leading slot of the last wave makes room for the next one', () => {
    const all = gaps(20, 105);
    const kindOf = (freeSlots: number, leader: WaveSource | undefined): string =>
      choose({ gaps: all, walPerSecond: 1e9, leader, freeSlots }).kind;
    // It has its place already.
    assert.equal(kindOf(1, leadingSlot(20)), 'wave');
    assert.equal(kindOf(0, leadingSlot(20)), 'advance');
    const ofNoUse = leadingSlot(60);
    assert.equal(kindOf(2, ofNoUse), 'wave');
    assert.equal(kindOf(1, ofNoUse), 'make_room');
    assert.equal(kindOf(0, ofNoUse), 'advance', 'it would not be enough');
    assert.equal(kindOf(1, undefined), 'advance');
    const alone = choose({ gaps: gaps(2, 100), walPerSecond: 1e9, leader: ofNoUse, freeSlots: 1 });
    assert.equal(alone.kind, 'advance', 'there is no other wave');
  });

  test('closes most of a large gap at once, and does not decode it all for the rest', () => {
    const leader = leadingSlot(100);
    const of = (behind: number): RestartWork =>
      choose({ gaps: [gap('far', behind)], walPerSecond: 1e9, leader });
    const work = of(400);
    assert.ok(work.kind === 'wave' && !work.wave.led);
    assert.deepEqual(work.wave.source, leader);
    assert.equal(of(399).kind, 'advance');
  });

  test('leads a slot that needs little for most rather than one that needs much for all', () => {
    const all = Array.from({ length: 7 }, (_, index) =>
      gap(`s${index}`, index === 0 ? 1399 : 1400, { position: mib(10_000 + index) }),
    );
    const young = gap('young', 0, { position: mib(10_001), restartLsn: mib(9_000), wanted: mib(9_000) });
    const work = choose({ gaps: [...all, young], walPerSecond: 1e9 });
    assert.ok(work.kind === 'wave' && work.wave.led);
    assert.deepEqual(work.wave.source, young);
  });

  test('needs the leading slot no more when the primary’s slots have come too far for it', () => {
    const leader = leadingSlot(32);
    const isOfUse = (over: Partial<RestartGap>): boolean =>
      isLeaderOfUse({ gaps: [gap('a', 0, over)], largestBytes: LARGEST }, leader);
    assert.equal(isOfUse({}), true);
    assert.equal(isOfUse({ wanted: mib(10_001) }), false);
    assert.equal(isOfUse({ database: { name: 'shop', oid: 2 } }), false);
    assert.equal(isLeaderOfUse({ gaps: [], largestBytes: LARGEST }, leader), false);
  });

  test('leaves out a slot that the leading one is beyond once, and does it first then', () => {
    const leader = leadingSlot(1, mib(9_999));
    const slow = gap('slow', 500, { position: mib(9_998) });
    const all = [...gaps(20, 105), slow];
    const work = choose({ gaps: all, walPerSecond: 1e9, leader });
    assert.ok(work.kind === 'wave');
    assert.deepEqual(work.wave.source, leader);
    assert.equal(work.wave.leavesOut, slow.slot);
    const last = { costMs: 1, agoMs: 5000, leftOut: work.wave.leavesOut };
    const next = choose({ gaps: all, walPerSecond: 1e9, leader, last });
    assert.ok(next.kind === 'wave' && next.wave.led);
    assert.deepEqual(next.wave.source, slow);
    const overtaken = choose({
      gaps: [...all.slice(0, 20), gap('slow', 500)],
      walPerSecond: 1e9,
      leader,
      last,
    });
    assert.ok(overtaken.kind === 'wave');
    assert.deepEqual(overtaken.wave.source, leader);
    assert.equal(overtaken.wave.leavesOut, undefined);
  });

  test('pauses for a second between two waves, however urgent the next one is', () => {
    const urgent = { gaps: [...gaps(50, 100), gap('far', 193)], walPerSecond: 1e9 };
    assert.equal(choose({ ...urgent, last: { costMs: 90, agoMs: 999 } }).kind, 'rest');
    assert.equal(choose({ ...urgent, last: { costMs: 90, agoMs: 1000 } }).kind, 'wave');
  });

  const anyGap: fc.Arbitrary<RestartGap> = fc
    .record({
      position: fc.integer({ min: 6000, max: 6400 }),
      behind: fc.integer({ min: 0, max: 5000 }),
      oid: fc.integer({ min: 1, max: 2 }),
      remakeable: fc.boolean(),
    })
    .map(({ position, behind, oid, remakeable }) => ({
      ...gap('x', behind, { position: mib(position), remakeable }),
      database: { name: 'shop', oid },
    }));

  test('whatever the slots are: something as long as one is due, and no wave that could skip a change', () => {
    const anyResting = fc.uniqueArray(fc.integer({ min: 0, max: 40 }));
    fc.assert(
      fc.property(
        fc.array(anyGap, { maxLength: 40 }),
        anyResting,
        fc.integer({ min: 0, max: 3 }),
        fc.constantFrom(0, 5e6, 1e9),
        fc.option(anyGap, { nil: undefined }),
        (drawn, rest, freeSlots, walPerSecond, led) => {
          const all = drawn.map((each, index) => ({ ...each, slot: name(`s${index}`) }));
          const resting = new Set(rest.map((index) => name(`s${index}`)));
          const leader = led && { ...led, slot: name('slotcast_leader_1') };
          const work = choose({ gaps: all, resting, freeSlots, walPerSecond, leader });
          const due = all.filter(({ slot, bytes }) => bytes > LARGEST && !resting.has(slot));
          const far = due.filter(({ bytes }) => bytes > (LARGEST * 3n) / 2n);
          assert.ok(work.kind === 'rest' ? far.length === 0 : due.length > 0);
          if (work.kind === 'advance') {
            assert.ok(due.includes(work.gap));
          }
          if (work.kind === 'wave') {
            assertSafe(work.wave, resting);
            const slots = work.wave.stages.flatMap((stage) => stage.slots);
            const most = due.reduce((bytes, gap) => (gap.bytes > bytes ? gap.bytes : bytes), 0n);
            const { leavesOut } = work.wave;
            const furthest = leavesOut === undefined ? slots : due.filter(({ slot }) => slot === leavesOut);
            assert.ok(
              furthest.some(({ bytes }) => bytes === most),
              'the furthest is left out',
            );
            assert.ok(leavesOut === undefined || work.wave.source === leader);
            assert.ok(freeSlots >= (work.wave.source === leader ? 1 : 2));
          }
          if (work.kind === 'make_room') {
            assert.ok(freeSlots === 1 && leader !== undefined);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

function assertSafe(
  { source, led, stages, database }: Extract<RestartWork, { kind: 'wave' }>['wave'],
  resting: ReadonlySet<SlotName>,
): void {
  let leading = source.position;
  for (const { target, slots } of stages) {
    assert.ok(target >= leading && slots.length > 0, 'leads backwards');
    assert.ok(led || target === source.position, 'leads though nothing is to be decoded');
    leading = target;
    for (const each of slots) {
      assert.ok(each.position >= leading, 'the leading slot is beyond it');
      const left = each.wanted - source.restartLsn;
      assert.ok(led || left <= LARGEST / 2n || left <= each.bytes / 4n, 'gains too little');
      assert.ok(each.remakeable && !resting.has(each.slot));
      assert.ok(each.bytes > LARGEST / 2n);
      assert.equal(databaseKey(each.database), databaseKey(database));
    }
  }
  assert.equal(databaseKey(source.database), databaseKey(database));
}

describe('a small gap that stands for long', { timeout: 10_000 }, () => {
  const small = [gap('a', 1), gap('b', 2)];

  test('is closed when nothing else is due and decoding is affordable', () => {
    const overdue = new Set([name('b')]);
    const work = choose({ gaps: small, overdue });
    assert.deepEqual(work, { kind: 'advance', gap: small[1], why: 'affordable' });
    assert.equal(choose({ gaps: small }).kind, 'rest');
    assert.equal(choose({ gaps: small, overdue, resting: overdue }).kind, 'rest');
    assert.equal(choose({ gaps: small, overdue, walPerSecond: 1e12 }).kind, 'rest');
    const due = gap('c', 100);
    assert.deepEqual(choose({ gaps: [...small, due], overdue }), {
      kind: 'advance',
      gap: due,
      why: 'affordable',
    });
  });

  test('is as old as its restart_lsn, and forgotten with the gap', () => {
    const first = noteGapAges(new Map(), small, 1000);
    const moved = [gap('a', 0), gap('b', 1)];
    const second = noteGapAges(first, [gap('a', 1), ...moved.slice(1)], 2000);
    assert.deepEqual([...overdueGaps(second, 1000 + OVERDUE_MS)], [name('a')]);
    assert.deepEqual([...overdueGaps(second, 2000 + OVERDUE_MS)], [name('a'), name('b')]);
    assert.deepEqual([...noteGapAges(second, moved, 3000).keys()], [name('b')]);
  });
});
