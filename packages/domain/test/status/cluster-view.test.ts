import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type ClusterView,
  type CopyView,
  isSatisfied,
  LATE_MS,
  NODE_STALE_MS,
  type NodeSlotStatus,
  type NodeStatus,
  parseSlotName,
  parseSystemIdentifier,
  reasonText,
  timeline,
  unmetSlots,
} from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { saying, textOf, whyOf } from '../reason-examples.ts';
import { type ClusterSketch, clusterFacts, NOW, viewOf } from './cluster-examples.ts';

const options = { timeout: 10_000 };

/** Timeline 2 was left off timeline 1 at position 800. */
const secondTimeline = {
  timeline: timeline(2),
  history: { timeline: timeline(2), ancestors: [{ timeline: timeline(1), switchLsn: at(800) }] },
};

function copy(sketch: ClusterSketch, node = 's1'): CopyView {
  const view = viewOf(clusterFacts(sketch));
  const found = view.slots[0]?.copies.find((each) => each.node === node);
  assert.ok(found);
  return found;
}

function blockedCopy(status: Partial<NodeStatus>, over: Partial<NodeSlotStatus> = {}) {
  const app = { state: 'blocked', reasons: [saying('hot_standby_feedback is off')], ...over } as const;
  const { ready, usable } = copy({ slots: { app: {} }, standbys: { s1: { status, slots: { app } } } });
  return { ready, usable };
}

function unmetNames(view: ClusterView, requirement: number | 'all'): string[] {
  return unmetSlots(view, requirement).map(({ name }) => name);
}

function nativeCopy(over: object): ClusterSketch {
  const app = { state: 'native', ownership: undefined, ...over } as const;
  return { slots: { app: {} }, standbys: { s1: { slots: { app } } } };
}

/** A standby that has not left timeline 1. */
function onOldTimeline(position: number): ClusterSketch {
  return {
    manifest: secondTimeline,
    slots: { app: { confirmed: 950, timeline: 2 } },
    standbys: {
      s1: {
        status: { receiveLsn: undefined, replayLsn: undefined },
        slots: { app: { confirmedFlushLsn: at(position) } },
      },
    },
  };
}

describe('a cluster', options, () => {
  const slots = { app: {} };
  const second = { timeline: timeline(2) };
  const promotion = { ...second, switchLsn: at(800), ahead: [], lost: [], time: NOW };
  const withRival = (role: 'primary' | 'standby'): ClusterView =>
    viewOf(
      clusterFacts({
        manifest: { ...secondTimeline, timelineNode: 'alpha' },
        slots: { app: { timeline: 2 } },
        standbys: { s1: { status: second, slots }, s2: { status: { ...second, role, promotion } } },
      }),
    );

  test('is never satisfied with two primaries of one timeline, though its slots are ready', () => {
    const view = withRival('primary');
    assert.deepEqual(unmetNames(view, 1), []);
    assert.match(textOf(view.splitBrain), /timeline 2 .* node alpha, and node s2 /);
    assert.equal(isSatisfied(view, 1), false);
  });

  test('is satisfied when the one that was left behind has come back as a standby', () => {
    const view = withRival('standby');
    assert.equal(view.splitBrain, undefined);
    assert.equal(isSatisfied(view, 1), true);
    assert.equal(isSatisfied(view, 2), false);
  });
});

describe('a cluster whose filter selects none of its slots', options, () => {
  const facts = clusterFacts({ slots: { app: {}, web: {} }, standbys: { s1: {} } });
  const none = { wanted: () => false };

  test('is not satisfied before that is confirmed, and names the filter', () => {
    const filter = { text: 'ordres', confirmed: false };
    const view = viewOf(facts, { ...none, filter });
    assert.match(textOf(view.filterDoubt), /^SLOTCAST_SLOTS=ordres selects none .*2: app, web/);
    assert.equal(isSatisfied(view, 1), false);
    assert.equal(isSatisfied(viewOf(facts, { ...none, filter: { ...filter, confirmed: true } }), 1), true);
  });

  test('is satisfied where the primary has no slot', () => {
    const view = viewOf(clusterFacts({ standbys: { s1: {} } }), none);
    assert.deepEqual([view.filterDoubt, isSatisfied(view, 1)], [undefined, true]);
  });
});

function publisherHeard(manifestAgeMs: number) {
  const { late, silent } = viewOf(clusterFacts({ manifestAgeMs }), { heartbeatStaleMs: 60_000 }).publisher;
  return { late, silent };
}

describe('a publisher', options, () => {
  test('is late after two heartbeats that did not come, long before it counts as silent', () => {
    assert.deepEqual(publisherHeard(LATE_MS), { late: false, silent: false });
    assert.deepEqual(publisherHeard(20_000), { late: true, silent: false });
    assert.deepEqual(publisherHeard(60_001), { late: true, silent: true });
  });
});

describe('a standby whose consumer is in alarm', options, () => {
  const alarm = saying('it streams from another primary');
  const view = viewOf(
    clusterFacts({
      slots: { app: {} },
      standbys: {
        s1: { status: { alarm, receiveLsn: at(999) }, slots: { app: {} } },
        s2: { slots: { app: {} } },
      },
    }),
  );

  test('is unfit, and no candidate, however much WAL it has', () => {
    const [, s1] = view.nodes;
    assert.match(reasonText(s1?.unfit ?? []), /does not stand by .*another primary/);
    assert.deepEqual(
      view.candidates.map(({ node }) => node),
      ['s2'],
    );
  });

  test('has no copy that counts, whatever is recorded of its slots', () => {
    const [found] = view.slots[0]?.copies ?? [];
    assert.deepEqual([found?.state, found?.usable, found?.ready], [undefined, false, false]);
    assert.match(whyOf(found), /does not stand by .*another primary/);
    assert.deepEqual(unmetNames(view, 1), []);
    assert.deepEqual(unmetNames(view, 2), ['app']);
  });
});

describe('a copy', options, () => {
  test('is ready when its standby says so and was heard of lately', () => {
    const { ready, state, lag } = copy({ slots: { app: {} }, standbys: { s1: { slots: { app: {} } } } });
    assert.deepEqual({ ready, state, lag }, { ready: true, state: 'ready', lag: { bytes: 0n, ms: 0 } });
  });

  test('is not ready, though usable, when its standby has been silent for too long', () => {
    const standby = { slots: { app: {} } };
    const just = copy({ slots: { app: {} }, standbys: { s1: { ...standby, ageMs: NODE_STALE_MS } } });
    const late = copy({ slots: { app: {} }, standbys: { s1: { ...standby, ageMs: NODE_STALE_MS + 1 } } });
    assert.equal(just.ready, true);
    assert.deepEqual([late.ready, late.usable], [false, true]);
  });

  for (const state of ['lagging', 'unheard', 'retrying'] as const) {
    test(`that is ${state} is usable, but not ready`, () => {
      const status = { state, reasons: [saying('behind')] };
      const found = copy({ slots: { app: {} }, standbys: { s1: { slots: { app: status } } } });
      assert.deepEqual([found.ready, found.usable, whyOf(found)], [false, true, 'behind']);
    });
  }

  for (const state of ['absent', 'catching_up', 'blocked', 'conflict', 'invalidated', 'diverged'] as const) {
    test(`that is ${state} is of no use`, () => {
      const found = copy({ slots: { app: {} }, standbys: { s1: { slots: { app: { state } } } } });
      assert.deepEqual([found.ready, found.usable], [false, false]);
    });
  }

  test('that is blocked for want of a pin is judged as a promotion would find it: by the WAL that could still take it', () => {
    const survived = { ready: true, usable: true };
    const atRisk = { ready: false, usable: false };
    assert.deepEqual(blockedCopy({ upstream: undefined }), survived);
    assert.deepEqual(blockedCopy({}), atRisk, 'more WAL comes');
    assert.deepEqual(blockedCopy({ upstream: undefined, receiveLsn: at(901) }), atRisk, 'WAL is left');
    assert.deepEqual(blockedCopy({ upstream: undefined }, { confirmedFlushLsn: undefined }), atRisk);
    assert.deepEqual(blockedCopy({ upstream: undefined }, { ownership: undefined }), atRisk);
  });

  test("of PostgreSQL's own is ready once it has a position", () => {
    assert.equal(copy(nativeCopy({})).ready, true);
    assert.equal(copy(nativeCopy({ confirmedFlushLsn: undefined })).ready, false);
  });

  test('of which a standby wrote when it was the primary is not known to be there', () => {
    const found = copy({ slots: { app: {} }, standbys: { s1: { slots: { app: { role: 'primary' } } } } });
    assert.deepEqual([found.state, found.ready], [undefined, false]);
    assert.match(whyOf(found), /s1 has not said anything/);
  });

  test('of an earlier slot of that name, or of an earlier topic, is none of this slot', () => {
    const good = { incarnation: { epoch: 1, seq: 1 }, lineage: 'first', proven: true };
    for (const ownership of [
      undefined,
      { ...good, incarnation: { epoch: 1, seq: 2 } },
      { ...good, lineage: 'other' },
    ]) {
      const found = copy({ slots: { app: {} }, standbys: { s1: { slots: { app: { ownership } } } } });
      assert.deepEqual([found.state, found.usable], ['catching_up', false]);
    }
  });

  test('of a slot that is lost on the primary is invalidated, even before its standby knows', () => {
    const found = copy({
      slots: { app: { state: { walStatus: 'lost', invalidationReason: 'idle_timeout' } } },
      standbys: { s1: { slots: { app: {} } } },
    });
    assert.deepEqual([found.state, found.ready], ['invalidated', false]);
    assert.match(whyOf(found), /idle_timeout/);
  });

  test('is behind by what its subscriber has confirmed beyond it, since when it did', () => {
    const found = copy({
      slots: { app: { confirmed: 700, ageMs: 4000 } },
      standbys: { s1: { slots: { app: { confirmedFlushLsn: at(500) } } } },
    });
    assert.deepEqual(found.lag, { bytes: 200n, ms: 4000 });
  });

  test('has no lag that could be told when its position lies on another branch', () => {
    assert.equal(copy(onOldTimeline(801)).lag, undefined);
    assert.equal(copy(onOldTimeline(800)).lag?.bytes, 150n);
  });
});

describe('a node', options, () => {
  test('that publishes is the primary, although its record is from when it was a standby', () => {
    const { nodes } = viewOf(clusterFacts({ standbys: { alpha: { ageMs: 1 } } }));
    assert.deepEqual(
      nodes.map(({ name, role }) => [name, role]),
      [['alpha', 'primary']],
    );
  });

  test('that published and came back as a standby is one', () => {
    const { nodes } = viewOf(clusterFacts({ manifestAgeMs: 5, standbys: { alpha: { ageMs: 1 } } }));
    assert.equal(nodes[0]?.role, 'standby');
  });

  test('that was promoted and has not published yet is no standby any more', () => {
    const status = { role: 'primary', timeline: timeline(2) } as const;
    const view = viewOf(clusterFacts({ standbys: { s1: { status } } }));
    assert.equal(view.nodes.find(({ name }) => name === 's1')?.role, 'promoted');
    assert.deepEqual(view.candidates, []);
  });

  test('that published before another one is a former primary', () => {
    const facts = clusterFacts({ standbys: { old: { slots: { app: { role: 'primary' } } } } });
    const view = viewOf({ ...facts, nodes: new Map() });
    assert.equal(view.nodes.find(({ name }) => name === 'old')?.role, 'former_primary');
  });

  test('that was taken out of the topic is gone, although records of its slots were left', () => {
    const facts = clusterFacts({ slots: { app: {} }, standbys: { gone: { slots: { app: {} } } } });
    const view = viewOf({ ...facts, nodes: new Map() });
    assert.deepEqual(
      view.nodes.map(({ name }) => name),
      ['alpha'],
    );
  });

  test('of another cluster, or with WAL that the primary never had, is unfit: none of its copies is ready', () => {
    const other = { systemIdentifier: parseSystemIdentifier('42') };
    const slots = { app: {} };
    const foreign = viewOf(clusterFacts({ slots, standbys: { s1: { status: other, slots } } }));
    const forked = viewOf(
      clusterFacts({
        manifest: secondTimeline,
        slots,
        standbys: { s1: { slots, status: { receiveLsn: at(801) } } },
      }),
    );
    for (const view of [foreign, forked]) {
      assert.notEqual(view.nodes.find(({ name }) => name === 's1')?.unfit, undefined);
      assert.deepEqual(unmetNames(view, 1), ['app']);
      assert.deepEqual(view.candidates, []);
    }
  });
});

test(
  'physical slots that are selected are shown with what standbys said of them, and count for nothing',
  options,
  () => {
    const slots = { app: {}, replica: { physical: true }, other: { physical: true } } as const;
    const copies = { replica: { state: 'catching_up', restartLsn: at(950) } } as const;
    const facts = clusterFacts({
      slots,
      standbys: { s1: { slots: { app: {}, ...copies } }, s2: { slots: { app: {} } } },
    });
    const view = viewOf(facts, { wanted: ({ name }) => name !== 'other' });
    const [replica, ...more] = view.physicalSlots;
    assert.deepEqual([replica?.name, replica?.restartLsn, more], ['replica', at(0x1000), []]);
    assert.deepEqual(
      replica?.copies.map(({ node, state, restartLsn }) => [node, state, restartLsn]),
      [['s1', 'catching_up', at(950)]],
    );
    assert.deepEqual([unmetNames(view, 'all'), view.candidates.flatMap(({ lost }) => lost)], [[], []]);
  },
);

describe('the wanted slots', options, () => {
  test('are the live logical ones that are selected, without those that slotcast works with', () => {
    const facts = clusterFacts({
      slots: {
        b: {},
        a: {},
        unwanted: {},
        standby1: { physical: true },
        slotcast_tmp_1: {},
        slotcast_keep: {},
        slotcast_canary: {},
      },
    });
    const view = viewOf(facts, { wanted: ({ name }) => name !== 'unwanted' });
    assert.deepEqual(
      view.slots.map(({ name }) => name),
      ['a', 'b'],
    );
  });

  test('include one of which no event could be read', () => {
    const facts = clusterFacts({ slots: { app: {} }, standbys: { s1: { slots: { app: {} } } } });
    const view = viewOf({ ...facts, slots: new Map() });
    assert.deepEqual(
      view.slots.map(({ name, known }) => [name, known]),
      [['app', undefined]],
    );
  });

  test('do not include one that was dropped, whatever is left of it in the topic', () => {
    const facts = clusterFacts({ slots: { app: {} } });
    const { record, writtenAt } = facts.manifest;
    const view = viewOf({ ...facts, manifest: { record: { ...record, slots: [] }, writtenAt } });
    assert.deepEqual(view.slots, []);
  });

  test('can be narrowed to one slot and one node', () => {
    const slots = { a: {}, b: {} };
    const facts = clusterFacts({ slots, standbys: { s1: { slots }, s2: { slots } } });
    const view = viewOf(facts, { node: 's2', slot: parseSlotName('b') });
    assert.deepEqual(
      view.slots.map(({ name, copies }) => [name, copies.map(({ node }) => node)]),
      [['b', ['s2']]],
    );
    assert.deepEqual(
      view.candidates.map(({ node }) => node),
      ['s2'],
    );
  });
});

describe('the requirement', options, () => {
  const slots = { a: {}, b: {} };
  const view = viewOf(
    clusterFacts({ slots, standbys: { s1: { slots }, s2: { slots: { a: {} } }, s3: { slots: {} } } }),
  );

  test('counts for each slot the standbys on which it is ready', () => {
    assert.deepEqual(unmetNames(view, 1), []);
    assert.deepEqual(unmetNames(view, 2), ['b']);
    assert.deepEqual(unmetNames(view, 3), ['a', 'b']);
    assert.deepEqual(unmetNames(view, 'all'), ['a', 'b']);
  });

  test('is met by no standby at all only when no slot is wanted', () => {
    assert.deepEqual(unmetNames(viewOf(clusterFacts({ slots })), 'all'), ['a', 'b']);
    assert.deepEqual(unmetNames(viewOf(clusterFacts({})), 'all'), []);
  });
});

describe('the publisher', options, () => {
  test('is silent when its newest manifest is too old', () => {
    const facts = clusterFacts({ manifestAgeMs: 10_001 });
    assert.equal(viewOf(facts).publisher.silent, true);
    assert.equal(viewOf(facts, { heartbeatStaleMs: 10_001 }).publisher.silent, false);
  });

  test('is not older than it is because the clock here is behind', () => {
    const view = viewOf(clusterFacts({ manifestAgeMs: 60_000, standbys: { s1: {} } }), {
      now: NOW - 100_000,
    });
    assert.equal(view.publisher.heartbeatAgeMs, 60_000);
    assert.equal(view.time, NOW);
  });
});
