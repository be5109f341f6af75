import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type Continuity,
  changedSlot,
  continuityOf,
  diffSlots,
  isNews,
  type LogicalSlotState,
  lsn,
  type PublishedSlot,
  type SlotName,
  type SlotState,
  sameState,
  timeline,
} from '@slotcast/domain';
import * as fc from 'fast-check';
import { at, firstTimeline, manifest } from '../event-examples.ts';
import { saying } from '../reason-examples.ts';
import { anySlots, logicalSlot, physicalSlot } from '../vocabulary-examples.ts';

const incarnation = { epoch: 3, seq: 7 };

function publish(states: readonly SlotState[]): Map<SlotName, PublishedSlot> {
  return new Map(states.map((state) => [state.name, { state, incarnation, publishedAt: 0 }]));
}

function byNames(states: readonly SlotState[]): Map<SlotName, SlotState> {
  return new Map(states.map((state) => [state.name, state]));
}

/** The kind of change that one slot's passage from `before` to `after` is taken for. */
function kindOf(
  before: SlotState,
  after: SlotState,
  how: { continuity?: Continuity; held?: SlotState } = {},
): string | undefined {
  const changes = diffSlots({
    published: publish([before]),
    observed: [after],
    lastObserved: how.held === undefined ? undefined : byNames([how.held]),
    continuity: how.continuity ?? 'same_run',
  });
  return changes[0]?.kind;
}

const slot = logicalSlot('a');

describe('the difference between topic and server', { timeout: 20_000 }, () => {
  test('a slot that is new, moved or gone is created, updated or dropped', () => {
    const moved = logicalSlot('b', { confirmedFlushLsn: lsn(0x3000n) });
    assert.deepEqual(
      diffSlots({
        published: publish([logicalSlot('b'), logicalSlot('gone')]),
        observed: [moved, slot],
        continuity: 'same_run',
      }),
      [
        { kind: 'drop', previous: logicalSlot('gone'), incarnation },
        { kind: 'create', state: slot },
        { kind: 'update', state: moved, incarnation },
      ],
    );
  });

  test('a slot that is there and cannot be read is not gone, and stays as it is published', () => {
    const unreadable = [{ slot: 'a', reason: saying('its confirmed_flush_lsn is no position') }];
    const gone = { kind: 'drop', previous: logicalSlot('gone'), incarnation };
    const published = publish([slot, logicalSlot('gone')]);
    assert.deepEqual(diffSlots({ published, observed: [], continuity: 'same_run', unreadable }), [gone]);
  });

  test('a remake carries the slot that is gone, its incarnation and the new one', () => {
    const other = logicalSlot('a', { plugin: 'wal2json' });
    assert.deepEqual(
      diffSlots({ published: publish([slot]), observed: [other], continuity: 'other_server' }),
      [{ kind: 'remake', previous: slot, incarnation, state: other }],
    );
  });

  test('a subscriber that connects or leaves is no change', () => {
    assert.equal(kindOf(slot, logicalSlot('a', { active: false })), undefined);
  });

  test('another type, plugin, database or two_phase is another slot, on any tenure', () => {
    for (const continuity of ['same_run', 'restarted', 'unknown', 'other_server'] as const) {
      assert.equal(kindOf(slot, physicalSlot('a'), { continuity }), 'remake');
      assert.equal(kindOf(slot, logicalSlot('a', { plugin: 'wal2json' }), { continuity }), 'remake');
      assert.equal(
        kindOf(slot, logicalSlot('a', { database: 'other', databaseOid: 16_385 }), { continuity }),
        'remake',
      );
      assert.equal(kindOf(slot, logicalSlot('a', { twoPhase: true }), { continuity }), 'remake');
    }
  });

  test('a database that is renamed keeps its slots; one that has taken its name has others', () => {
    const known = logicalSlot('a', { databaseOid: 16_384 });
    const renamed = logicalSlot('a', { databaseOid: 16_384, database: 'store' });
    for (const continuity of ['same_run', 'restarted', 'unknown', 'other_server'] as const) {
      assert.equal(kindOf(known, renamed, { continuity }), 'update');
      assert.equal(kindOf(known, logicalSlot('a', { databaseOid: 16_385 }), { continuity }), 'remake');
    }
    assert.equal(isNews(known, renamed), true);
  });

  test('confirmed_flush_lsn that went back is another slot, unless the server was restarted or has crashed', () => {
    const back = logicalSlot('a', { confirmedFlushLsn: lsn(0x1800n) });
    assert.equal(kindOf(slot, back), 'remake');
    assert.equal(kindOf(slot, back, { continuity: 'unknown' }), 'remake');
    assert.equal(kindOf(slot, back, { continuity: 'restarted' }), 'update');
    assert.equal(kindOf(slot, back, { continuity: 'other_server' }), 'update');
  });

  test('a slot made anew as an older copy between the position that was published and one that was held back is found', () => {
    const held = logicalSlot('a', { confirmedFlushLsn: lsn(0x3000n) });
    const copy = logicalSlot('a', { confirmedFlushLsn: lsn(0x2800n) });
    assert.equal(kindOf(slot, copy), 'update');
    assert.equal(kindOf(slot, copy, { held }), 'remake');
  });

  test('restart_lsn of a logical slot that went back within a tenure means another slot', () => {
    const older = logicalSlot('a', { restartLsn: lsn(0xfffn) });
    assert.equal(kindOf(slot, older), 'remake');
    assert.equal(kindOf(slot, older, { continuity: 'restarted' }), 'remake');
    assert.equal(kindOf(slot, older, { continuity: 'other_server' }), 'update');
  });

  test('restart_lsn of a physical slot may go back: the server does not save it when it moves', () => {
    assert.equal(kindOf(physicalSlot('a'), physicalSlot('a', { restartLsn: lsn(0xfffn) })), 'update');
  });

  test('a slot remade between the published position and one that was held back is found', () => {
    const held = logicalSlot('a', { restartLsn: lsn(0x1800n) });
    const remade = logicalSlot('a', { restartLsn: lsn(0x1400n) });
    assert.equal(kindOf(slot, remade), 'update');
    assert.equal(kindOf(slot, remade, { held }), 'remake');
    assert.equal(kindOf(slot, remade, { held, continuity: 'other_server' }), 'update');
  });

  test('an invalidation is an update, and a logical slot that is well again is another one', () => {
    const lost = logicalSlot('a', { restartLsn: undefined, walStatus: 'lost' });
    assert.equal(kindOf(slot, lost), 'update');
    assert.equal(kindOf(lost, slot), 'remake');
    assert.equal(kindOf(lost, slot, { continuity: 'other_server' }), 'update');
  });

  test('a physical slot that reserves WAL for the first time is an update', () => {
    assert.equal(kindOf(physicalSlot('a', { restartLsn: undefined }), physicalSlot('a')), 'update');
  });

  test('every field but the activity is worth an event', () => {
    const others: Partial<LogicalSlotState>[] = [
      { twoPhaseAt: lsn(1n) },
      { failover: true },
      { synced: true },
      { restartLsn: lsn(0x1001n) },
      { confirmedFlushLsn: lsn(0x2001n) },
      { catalogXmin: 751 },
      { walStatus: 'extended' },
      { invalidationReason: 'idle_timeout' },
    ];
    for (const other of others) {
      assert.equal(kindOf(slot, logicalSlot('a', other)), 'update', Object.keys(other).join());
    }
    assert.equal(kindOf(physicalSlot('a'), physicalSlot('a', { xmin: 751 })), 'update');
  });

  test('only invalidation, failover, synced and the coming of a pin are news', () => {
    const physical = physicalSlot('a', { catalogXmin: undefined });
    assert.equal(isNews(physical, physicalSlot('a', { catalogXmin: 700 })), true);
    assert.equal(
      isNews(physicalSlot('a', { catalogXmin: 700 }), physicalSlot('a', { catalogXmin: 701 })),
      false,
    );
    assert.equal(isNews(slot, logicalSlot('a', { failover: true })), true);
    assert.equal(isNews(slot, logicalSlot('a', { synced: true })), true);
    assert.equal(isNews(slot, logicalSlot('a', { walStatus: 'lost' })), true);
    assert.equal(isNews(slot, logicalSlot('a', { invalidationReason: 'idle_timeout' })), true);
    assert.equal(isNews(slot, logicalSlot('a', { walStatus: 'extended', restartLsn: lsn(0x1800n) })), false);
  });

  test('without a difference there is no change, and each slot has at most one', () => {
    fc.assert(
      fc.property(
        anySlots,
        anySlots,
        fc.constantFrom<Continuity>('same_run', 'restarted', 'unknown', 'other_server'),
        (before, after, continuity) => {
          const changes = diffSlots({ published: publish(before), observed: after, continuity });
          const names = changes.map(changedSlot);
          assert.equal(new Set(names).size, names.length);
          for (const state of after) {
            const earlier = before.find((other) => other.name === state.name);
            const unchanged = earlier !== undefined && sameState(earlier, state);
            assert.equal(names.includes(state.name), !unchanged);
          }
          assert.deepEqual(diffSlots({ published: publish(after), observed: after, continuity }), []);
        },
      ),
    );
  });

  test('the order depends on the names alone: drops first, then the rest', () => {
    fc.assert(
      fc.property(anySlots, anySlots, (before, after) => {
        const changes = diffSlots({ published: publish(before), observed: after, continuity: 'same_run' });
        const reversed = diffSlots({
          published: publish(before.toReversed()),
          observed: after.toReversed(),
          continuity: 'same_run',
        });
        assert.deepEqual(reversed, changes);
        const keys = changes.map((change) => `${change.kind === 'drop' ? 0 : 1}${changedSlot(change)}`);
        assert.deepEqual(keys, keys.toSorted());
      }),
    );
  });
});

describe('what lies between the newest manifest and the server now', { timeout: 5000 }, () => {
  const history = firstTimeline;
  const life = { serverStartedAt: 5, timeline: history.timeline, replayedLsn: undefined };
  const told = manifest(['a'], {}, { serverStartedAt: 5 });

  test('is nothing while the server runs on, also beside another process of the publisher', () => {
    assert.equal(continuityOf(told, { history, life }), 'same_run');
  });

  test('is a restart, or a crash of its sessions, which leaves the start of the server as it was', () => {
    assert.equal(continuityOf(told, { history, life: { ...life, serverStartedAt: 6 } }), 'restarted');
    assert.equal(continuityOf(told, { history, life: { ...life, replayedLsn: at(7) } }), 'restarted');
  });

  test('is not known by a manifest that does not tell, and another server after a promotion', () => {
    assert.equal(continuityOf(manifest(['a'], {}), { history, life }), 'unknown');
    const promoted = { timeline: timeline(2), ancestors: [{ timeline: timeline(1), switchLsn: at(9) }] };
    assert.equal(continuityOf(told, { history: promoted, life }), 'other_server');
    assert.equal(continuityOf(undefined, { history, life }), 'other_server');
  });
});
