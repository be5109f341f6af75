import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  CANARY_PLUGIN,
  CANARY_SLOT,
  diffSlots,
  eventsFromChanges,
  lsn,
  manifestSlots,
  type OrphanedSlot,
  orphansAfter,
  type PublishedSlot,
  publishedBefore,
  type SlotChange,
  type SlotState,
  timeline,
} from '@slotcast/domain';
import { manifest, slotEvent } from '../event-examples.ts';
import { logicalSlot, physicalSlot } from '../vocabulary-examples.ts';

const incarnation = { epoch: 3, seq: 7 };
const slot = logicalSlot('a');
const orphan: OrphanedSlot = { name: slot.name, incarnation, cause: 'missing', since: 5 };

/** What one slot of the topic comes to that was published last on an earlier timeline. */
function changesOf(
  published: SlotState,
  shown: SlotState | undefined,
  how: { known?: boolean; orphans?: readonly OrphanedSlot[]; quarantined?: boolean } = {},
): readonly SlotChange[] {
  const before: PublishedSlot = { state: published, incarnation, publishedAt: 0, unseen: true };
  return diffSlots({
    published: new Map([[published.name, before]]),
    observed: shown === undefined ? [] : [shown],
    continuity: 'other_server',
    orphans: how.orphans,
    isKnown: () => how.known === true,
    isQuarantined: () => how.quarantined === true,
  });
}

describe('a slot that was published before this server became the primary', { timeout: 20_000 }, () => {
  test('is orphaned, not dropped, when it is not here', () => {
    assert.deepEqual(changesOf(slot, undefined), [
      { kind: 'orphan', previous: slot, incarnation, cause: 'missing' },
    ]);
    assert.deepEqual(changesOf(slot, undefined, { orphans: [orphan] }), []);
  });

  test('is superseded by a slot of its name that is not known to be the same', () => {
    assert.deepEqual(changesOf(slot, slot), [
      { kind: 'supersede', previous: slot, incarnation, state: slot },
    ]);
    const change = changesOf(slot, slot, { orphans: [orphan] });
    assert.deepEqual(change, [{ kind: 'supersede', previous: slot, incarnation, state: slot }]);
  });

  test('goes on when it is known, and says so even where nothing has changed', () => {
    for (const orphans of [[], [orphan]]) {
      assert.deepEqual(changesOf(slot, slot, { known: true, orphans }), [
        { kind: 'update', state: slot, incarnation },
      ]);
    }
  });

  test('is orphaned when the hand-off took it out of reach', () => {
    assert.deepEqual(changesOf(slot, undefined, { quarantined: true }), [
      { kind: 'orphan', previous: slot, incarnation, cause: 'quarantined' },
    ]);
  });

  test('is so when that was done while it was published here, and is not taken for what has its name later', () => {
    const seen = new Map([[slot.name, { state: slot, incarnation, publishedAt: 0 }]]);
    const look = (observed: readonly SlotState[], orphans: readonly OrphanedSlot[], away: boolean) =>
      diffSlots({
        published: seen,
        observed,
        continuity: 'same_run',
        orphans,
        isKnown: () => true,
        isQuarantined: () => away,
      });
    assert.deepEqual(look([], [], true), [
      { kind: 'orphan', previous: slot, incarnation, cause: 'quarantined' },
    ]);
    const away: OrphanedSlot = { ...orphan, cause: 'quarantined' };
    assert.deepEqual(look([], [away], true), []);
    assert.deepEqual(look([], [away], false), []);
    assert.deepEqual(look([slot], [away], false), [
      { kind: 'supersede', previous: slot, incarnation, state: slot },
    ]);
    assert.deepEqual(
      look([], [], false).map(({ kind }) => kind),
      ['drop'],
    );
  });

  test('is dropped as before where no copy could be kept: physical, invalidated, or the canary', () => {
    const canary = logicalSlot(CANARY_SLOT, { plugin: CANARY_PLUGIN });
    for (const published of [physicalSlot('a'), logicalSlot('a', { walStatus: 'lost' }), canary]) {
      assert.deepEqual(
        changesOf(published, undefined).map(({ kind }) => kind),
        ['drop'],
      );
    }
  });

  test('is told from one that was seen here, or of which the drop was lost to compaction', () => {
    const newest = [
      slotEvent('a', { seq: 1 }),
      slotEvent('b', { seq: 2 }),
      slotEvent('c', { timeline: 2, epoch: 2 }),
    ];
    const unseen = (names: readonly string[]): readonly string[] =>
      [...publishedBefore(newest, { timeline: timeline(2), manifest: manifest(names, { seq: 9 }) })]
        .filter(([, published]) => published.unseen === true)
        .map(([name]) => name);
    assert.deepEqual(unseen(['a']), ['a']);
    assert.deepEqual(unseen(['a', 'b', 'c']), ['a', 'b']);
  });
});

describe('the list of orphaned slots', { timeout: 20_000 }, () => {
  const origin = { ...slotEvent('x', { epoch: 4, timeline: 2 }), seq: 10, lsn: lsn(0x5000n) };

  test('grows by what is orphaned or superseded, of which the first has no event and the second a create', () => {
    const lost = changesOf(slot, undefined);
    assert.deepEqual(orphansAfter([], lost, 5), [orphan]);
    assert.deepEqual(eventsFromChanges(lost, origin), { events: [], nextSeq: 10 });
    const other = changesOf(slot, slot);
    assert.deepEqual(orphansAfter([], other, 5), [{ ...orphan, cause: 'other_slot' }]);
    assert.deepEqual(
      eventsFromChanges(other, origin).events.map(({ op, incarnation: of }) => [op, of]),
      [['create', { epoch: 4, seq: 10 }]],
    );
    assert.deepEqual(orphansAfter([orphan], other, 9), [orphan]);
  });

  test('shrinks by what is here again or dropped, and stays the same list else', () => {
    const list = [orphan];
    for (const kind of ['update', 'drop'] as const) {
      const change = { kind, state: slot, previous: slot, incarnation };
      assert.deepEqual(orphansAfter(list, [change], 9), []);
      assert.equal(orphansAfter(list, [{ ...change, incarnation: { epoch: 1, seq: 1 } }], 9), list);
    }
  });

  test('has what the list of live slots has not', () => {
    const published = new Map([[slot.name, { state: slot, incarnation, publishedAt: 0 }]]);
    assert.deepEqual(manifestSlots(published, [orphan]), []);
    assert.deepEqual(manifestSlots(published, []), [{ name: slot.name, incarnation }]);
  });
});
