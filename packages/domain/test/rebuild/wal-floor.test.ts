import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Manifest, parseSlotName, type SlotEvent, timeline, walFloor } from '@slotcast/domain';
import { at, manifest, slotEvent } from '../event-examples.ts';
import { logicalSlot, physicalSlot } from '../vocabulary-examples.ts';

function needing(name: string, restartLsn: number | undefined, over: Partial<SlotEvent> = {}): SlotEvent {
  const position = restartLsn === undefined ? undefined : at(restartLsn);
  return slotEvent(name, { lsn: 900 }, { state: logicalSlot(name, { restartLsn: position }), ...over });
}

function floorOf(
  said: Manifest,
  events: readonly SlotEvent[],
  isWhole: (event: SlotEvent) => boolean = () => true,
): ReturnType<typeof walFloor> {
  return walFloor({ manifest: said, events: new Map(events.map((event) => [event.slot, event])), isWhole });
}

function orphaned(name: string, seq = 1): Pick<Manifest, 'orphans'> {
  return {
    orphans: [{ name: parseSlotName(name), incarnation: { epoch: 1, seq }, cause: 'missing', since: 0 }],
  };
}

describe('the oldest WAL that slots need', { timeout: 10_000 }, () => {
  test('is that of the slot that is furthest behind', () => {
    const { floor } = floorOf(manifest(['a', 'b', 'c'], {}), [
      needing('a', 500),
      needing('b', 300),
      needing('c', 400),
    ]);
    assert.equal(floor?.slot, 'b');
    assert.equal(floor.restartLsn, at(300));
  });

  test('is none where no slot needs any', () => {
    assert.deepEqual(floorOf(manifest([], {}), []), {
      needs: [],
      withoutNeed: [],
      unknown: [],
      floor: undefined,
    });
  });

  test('leaves out an invalidated slot', () => {
    const lost = needing('lost', 100, {
      state: logicalSlot('lost', { restartLsn: at(100), walStatus: 'lost' }),
    });
    const found = floorOf(manifest(['lost', 'a'], {}), [lost, needing('a', 300)]);
    assert.deepEqual(found.withoutNeed, ['lost']);
    assert.equal(found.floor?.slot, 'a');
  });

  test('leaves out a physical slot that keeps no WAL', () => {
    const idle = slotEvent('idle', {}, { state: physicalSlot('idle', { restartLsn: undefined }) });
    const found = floorOf(manifest(['idle', 'a'], {}), [idle, needing('a', 300)]);
    assert.deepEqual(found.withoutNeed, ['idle']);
    assert.equal(found.floor?.slot, 'a');
  });

  test('counts an orphaned slot, and names it', () => {
    const found = floorOf(manifest(['a'], {}, orphaned('old')), [needing('a', 300), needing('old', 200)]);
    assert.equal(found.floor?.slot, 'old');
    assert.equal(found.floor.orphaned, true);
  });

  test('counts a slot that the manifest does not list yet', () => {
    assert.equal(floorOf(manifest(['a'], {}), [needing('a', 300), needing('new', 200)]).floor?.slot, 'new');
  });

  const unknown: readonly (readonly [string, string, readonly SlotEvent[], Partial<Manifest>])[] = [
    ['without an event, as its records were removed', 'no_event', [], {}],
    [
      'of which only another incarnation is left',
      'no_event',
      [needing('b', 100, { incarnation: { epoch: 2, seq: 1 } })],
      {},
    ],
    ['with an event that names no position', 'no_position', [needing('b', undefined)], {}],
    [
      'whose WAL the line of the manifest left',
      'other_branch',
      [needing('b', 800)],
      {
        history: { timeline: timeline(2), ancestors: [{ timeline: timeline(1), switchLsn: at(700) }] },
      },
    ],
  ];
  for (const [what, why, events, over] of unknown) {
    test(`is not told for a slot ${what}`, () => {
      const found = floorOf(manifest(['a', 'b'], {}, over), [needing('a', 300), ...events]);
      assert.deepEqual(found.unknown, [{ slot: 'b', why }]);
      assert.equal(found.floor, undefined);
    });
  }

  test('is not told where compaction may have removed a newer event', () => {
    const found = floorOf(manifest(['a'], {}), [needing('a', 300)], () => false);
    assert.deepEqual(found.unknown, [{ slot: 'a', why: 'removed' }]);
    assert.equal(found.floor, undefined);
  });

  test('is not told for an orphaned slot whose name another one has taken', () => {
    const found = floorOf(manifest(['a'], {}, orphaned('a', 7)), [needing('a', 300)]);
    assert.deepEqual(found.unknown, [{ slot: 'a', why: 'no_event' }]);
  });

  test('lies on the timeline that wrote it, not on that of the event', () => {
    const history = { timeline: timeline(2), ancestors: [{ timeline: timeline(1), switchLsn: at(700) }] };
    const said = manifest(['before', 'at'], {}, { history });
    const { needs } = floorOf(said, [
      { ...needing('before', 699), timeline: timeline(2) },
      { ...needing('at', 700), timeline: timeline(2) },
    ]);
    assert.deepEqual(
      needs.map((need) => need.timeline),
      [1, 2],
    );
  });
});
