import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Candidate, type ClusterFacts, compareCandidates, timeline, unmetSlots } from '@slotcast/domain';
import * as fc from 'fast-check';
import { at } from '../event-examples.ts';
import { saying, whyOf } from '../reason-examples.ts';
import { type ClusterSketch, clusterFacts, NOW, viewOf } from './cluster-examples.ts';

const options = { timeout: 20_000 };

function candidates(sketch: ClusterSketch): readonly Candidate[] {
  return viewOf(clusterFacts(sketch)).candidates;
}

function namesOf(sketch: ClusterSketch): string[] {
  return candidates(sketch).map(({ node }) => node);
}

describe('the best standby to promote', options, () => {
  const slots = { a: { confirmed: 500 }, b: { confirmed: 500 } };
  const one = { slots: { a: {}, b: {} } };
  const upTo = (position: number) => ({ ...one, status: { receiveLsn: at(position), replayLsn: at(1) } });

  test('is one that was heard of lately, before one that loses less', () => {
    assert.deepEqual(namesOf({ slots, standbys: { s1: { ...one, ageMs: 60_000 }, s2: { slots: {} } } }), [
      's2',
      's1',
    ]);
  });

  test('is the one that loses fewest slots, before the one with most WAL', () => {
    const rich = { slots: { a: {} }, status: { receiveLsn: at(990) } };
    assert.deepEqual(namesOf({ slots, standbys: { s1: rich, s2: one } }), ['s2', 's1']);
  });

  test('is the one of whose WAL consumers are least ahead', () => {
    assert.deepEqual(namesOf({ slots, standbys: { s1: upTo(300), s2: upTo(499), s3: upTo(400) } }), [
      's2',
      's3',
      's1',
    ]);
  });

  test('is one of which that can be told, before one of which it cannot', () => {
    const unknown = { ...one, status: { receiveLsn: undefined, replayLsn: undefined } };
    const behind = { ...one, status: { receiveLsn: at(1), replayLsn: at(1) } };
    assert.deepEqual(namesOf({ slots, standbys: { s1: unknown, s2: behind } }), ['s2', 's1']);
  });

  test('is the one with most WAL, and then the first by name', () => {
    assert.deepEqual(namesOf({ slots, standbys: { s1: upTo(950), s2: upTo(990), s0: upTo(950) } }), [
      's2',
      's0',
      's1',
    ]);
  });

  test('is none that still follows an older timeline: it lacks what was committed since', () => {
    const history = { timeline: timeline(2), ancestors: [{ timeline: timeline(1), switchLsn: at(800) }] };
    const found = candidates({
      manifest: { timeline: timeline(2), history },
      slots: { a: { confirmed: 700 } },
      standbys: {
        s1: { ...one, status: { timeline: timeline(1), receiveLsn: at(800), replayLsn: at(800) } },
        s2: { ...one, status: { timeline: timeline(2), receiveLsn: at(790), replayLsn: at(790) } },
      },
    });
    assert.deepEqual(
      found.map(({ node }) => node),
      ['s2'],
    );
  });
});

function withWal(status: object): ClusterSketch {
  return { slots: { a: { confirmed: 950 } }, standbys: { s1: { status } } };
}

describe('what a promotion would cost', options, () => {
  test('is every slot that could not take over, with the reason; one that lags is kept', () => {
    const [found] = candidates({
      slots: { a: {}, b: {}, c: {} },
      standbys: {
        s1: {
          slots: {
            a: { state: 'lagging', reasons: [saying('behind')] },
            b: { state: 'blocked', reasons: [saying('no plugin')] },
          },
        },
      },
    });
    assert.deepEqual(
      found?.lost.map(({ slot, state }) => [slot, state]),
      [
        ['b', 'blocked'],
        ['c', undefined],
      ],
    );
    assert.equal(whyOf(found?.lost[0]), 'no plugin');
  });

  test('is every subscriber that confirmed more than the standby has, which is certain once its record is newer', () => {
    const [found] = candidates({
      slots: { old: { confirmed: 930, ageMs: 9000 }, young: { confirmed: 950, ageMs: 1000 }, fine: {} },
      standbys: { s1: { ageMs: 5000, status: { receiveLsn: at(900) }, slots: {} } },
    });
    assert.deepEqual(
      found?.ahead.map(({ slot, bytes, certain }) => [slot, bytes, certain]),
      [
        ['old', 30n, true],
        ['young', 50n, false],
      ],
    );
    assert.equal(found?.aheadBytes, 50n);
  });

  test('does not count what a consumer confirmed beyond the WAL of its own server', () => {
    const [found] = candidates({
      slots: { a: { confirmed: 5000, lsn: 910 } },
      standbys: { s1: { status: { receiveLsn: at(900) }, slots: { a: {} } } },
    });
    assert.equal(found?.aheadBytes, 10n);
  });

  test('is measured from the end of received WAL, or of replayed WAL where nothing was received', () => {
    assert.equal(candidates(withWal({ receiveLsn: at(940), replayLsn: at(10) }))[0]?.aheadBytes, 10n);
    assert.equal(candidates(withWal({ receiveLsn: undefined, replayLsn: at(940) }))[0]?.aheadBytes, 10n);
    assert.equal(candidates(withWal({ receiveLsn: at(10), replayLsn: at(940) }))[0]?.aheadBytes, 10n);
  });
});

const slotNames = ['a', 'b', 'c'] as const;

const anyCopies = fc.dictionary(
  fc.constantFrom(...slotNames),
  fc.record({
    state: fc.constantFrom('ready', 'lagging', 'catching_up', 'blocked', 'native'),
    role: fc.constantFrom('standby', 'standby', 'primary'),
    confirmedFlushLsn: fc.option(fc.integer({ min: 1, max: 20 }).map(at), { nil: undefined }),
  } as const),
);

const anyStandby = fc.record({
  ageMs: fc.constantFrom(0, 29_000, 31_000),
  status: fc.record({
    timeline: fc.constantFrom(timeline(1), timeline(2), timeline(3)),
    receiveLsn: fc.option(fc.integer({ min: 1, max: 20 }).map(at), { nil: undefined }),
    replayLsn: fc.option(fc.integer({ min: 1, max: 20 }).map(at), { nil: undefined }),
  }),
  slots: anyCopies,
});

/** Any cluster on timeline 2, which left timeline 1 at position 10. */
const anyFacts: fc.Arbitrary<ClusterFacts> = fc
  .record({
    slots: fc.dictionary(
      fc.constantFrom(...slotNames),
      fc.record({
        confirmed: fc.integer({ min: 1, max: 20 }),
        lsn: fc.integer({ min: 1, max: 20 }),
        timeline: fc.constantFrom(1, 2),
        ageMs: fc.constantFrom(0, 1000, 30_000),
      }),
    ),
    standbys: fc.dictionary(fc.constantFrom('s1', 's2', 's3', 's4'), anyStandby),
  })
  .map((sketch) =>
    clusterFacts({
      ...sketch,
      manifest: {
        timeline: timeline(2),
        history: { timeline: timeline(2), ancestors: [{ timeline: timeline(1), switchLsn: at(10) }] },
      },
    }),
  );

function reversed<Key, Value>(map: ReadonlyMap<Key, Value>): Map<Key, Value> {
  return new Map([...map].toReversed());
}

describe('in any cluster', options, () => {
  test('the ranking is a total order', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const ranked = viewOf(facts).candidates;
        for (const [index, better] of ranked.entries()) {
          for (const worse of ranked.slice(index + 1)) {
            assert.ok(compareCandidates(better, worse) < 0);
            assert.ok(compareCandidates(worse, better) > 0);
          }
        }
      }),
    );
  });

  test('the view does not depend on the order in which records came', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const other = {
          ...facts,
          slots: reversed(facts.slots),
          nodes: reversed(facts.nodes),
          nodeSlots: reversed(facts.nodeSlots),
        };
        assert.deepEqual(viewOf(other), viewOf(facts));
      }),
    );
  });

  test('a slot is ready only where a standby that is not stale said so as a standby', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        for (const { name, copies } of viewOf(facts).slots) {
          for (const { node } of copies.filter(({ ready }) => ready)) {
            const written = facts.nodeSlots.get(node)?.get(name);
            assert.equal(written?.record.role, 'standby');
            assert.ok(['ready', 'native', 'blocked'].includes(written?.record.state ?? ''));
            assert.ok((facts.nodes.get(node)?.writtenAt ?? 0) >= NOW - 30_000);
          }
        }
      }),
    );
  });

  test('time alone makes nothing ready', () => {
    fc.assert(
      fc.property(anyFacts, fc.integer({ min: 0, max: 60_000 }), (facts, later) => {
        const before = new Set(unmetSlots(viewOf(facts), 1).map(({ name }) => name));
        const after = new Set(unmetSlots(viewOf(facts, { now: NOW + later }), 1).map(({ name }) => name));
        assert.ok([...before].every((name) => after.has(name)));
      }),
    );
  });

  test('what more standbys are asked for is never easier to meet', () => {
    fc.assert(
      fc.property(anyFacts, fc.integer({ min: 1, max: 3 }), (facts, number) => {
        const view = viewOf(facts);
        const few = unmetSlots(view, number).map(({ name }) => name);
        const more = unmetSlots(view, number + 1).map(({ name }) => name);
        assert.ok(few.every((name) => more.includes(name)));
      }),
    );
  });

  test('no lag and no lead is negative, and every candidate accounts for every slot', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const view = viewOf(facts);
        assert.ok(view.slots.every(({ copies }) => copies.every(({ lag }) => (lag?.bytes ?? 0n) >= 0n)));
        for (const { node, lost, ahead } of view.candidates) {
          const usable = view.slots.filter(({ copies }) =>
            copies.some((copy) => copy.node === node && copy.usable),
          );
          assert.equal(lost.length + usable.length, view.slots.length);
          assert.ok(ahead.every(({ bytes }) => bytes > 0n));
        }
      }),
    );
  });
});
