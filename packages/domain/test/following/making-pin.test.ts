import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  judgeMaking,
  type LocalLogicalSlot,
  type LocalSlot,
  type NotedSlots,
  noteWorkingSlots,
  type PinFacts,
  type PinLink,
  parseSlotName,
  provePin,
  standingSlots,
  type WorkingSlot,
  withoutPositions,
} from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { whyOf } from '../reason-examples.ts';
import { local, owning } from './plan-situations.ts';

const ANCHOR = { name: 'slotcast_tmp_1' };
const PROBE = { name: 'slotcast_tmp_2', under: 'slotcast_tmp_1' };

/** What the primary `alpha` tells of the physical slot of this standby. */
function pinOf(link: Partial<PinLink> = {}, over: Partial<PinFacts> = {}): PinFacts {
  const held = { slot: 'to_bravo', holder: 'alpha', feedback: true, catalogXmin: 700 };
  return {
    hotStandbyFeedback: true,
    primarySlotName: 'to_bravo',
    links: [{ ...held, restartLsn: at(0x3001), seenLsn: at(0x3100), ...link }],
    primary: 'alpha@1',
    ...over,
  };
}

function row({ name }: WorkingSlot, over: Partial<LocalLogicalSlot> = {}): LocalLogicalSlot {
  return local(name, { temporary: true, catalogXmin: 700, ...over });
}

interface Look {
  readonly working?: readonly WorkingSlot[];
  readonly local?: readonly LocalSlot[];
  readonly endOfWal?: number;
  readonly replayLsn?: number;
  readonly pin?: PinFacts;
}

/** Looks at the server again and again; what came of it in the end. */
function after(...looks: readonly Look[]) {
  let noted: NotedSlots = new Map();
  let making = judgeMaking(noted, { ...seenIn({}), working: [] });
  for (const look of looks) {
    noted = noteWorkingSlots(noted, seenIn(look));
    making = judgeMaking(noted, seenIn(look));
  }
  return { making, noted };
}

function seenIn({ working = [ANCHOR], endOfWal = 0x3000, replayLsn = 0x9000, pin = pinOf(), ...look }: Look) {
  const rows = look.local ?? working.map((slot) => row(slot));
  return { working, local: rows, endOfWal: at(endOfWal), replayLsn: at(replayLsn), pin };
}

function reasonOf({ making }: ReturnType<typeof after>): string {
  return making.kind === 'awaited' ? whyOf(making) : making.kind;
}

const unpinned = pinOf({ catalogXmin: undefined });

describe('the pin for slots that are to be made', { timeout: 20_000 }, () => {
  const slot = { catalogXmin: 700, receivedLsn: at(0x3000) };

  test('is seen when the physical slot holds back enough and reports WAL from after the slot was here', () => {
    assert.deepEqual(provePin(pinOf(), slot), { kind: 'seen', since: at(0x3100) });
  });

  test('is not seen in what may be left of a slot that is gone: no WAL from after this one was reported yet', () => {
    for (const restartLsn of [at(0x3000), at(0x2fff), undefined]) {
      const proof = provePin(pinOf({ restartLsn }), slot);
      assert.equal(proof.kind, 'awaited');
      assert.ok(proof.kind === 'awaited' && proof.wantsWal);
      assert.match(proof.kind === 'awaited' ? whyOf(proof) : '', /to_bravo on alpha .* WAL beyond 0\/3000/);
    }
  });

  test('is not seen in one that holds back less, or nothing, and no WAL is wanted for that', () => {
    for (const catalogXmin of [701, undefined]) {
      const proof = provePin(pinOf({ catalogXmin }), slot);
      assert.ok(proof.kind === 'awaited' && !proof.wantsWal);
      assert.match(whyOf(proof), /does not hold back catalog rows for it yet/);
    }
  });

  test('through a server in between, each has to report WAL from after what the one below it told', () => {
    const between: PinLink = {
      slot: 'to_charlie',
      holder: 'bravo',
      feedback: true,
      catalogXmin: 700,
      restartLsn: at(0x3001),
    };
    const above = (restartLsn: number, receivedLsn?: number): PinFacts => {
      const streamer = {
        node: 'bravo',
        receivedLsn: receivedLsn === undefined ? undefined : at(receivedLsn),
      };
      const [link] = pinOf({ restartLsn: at(restartLsn), streamer }).links;
      return pinOf({}, { links: [between, ...(link === undefined ? [] : [link])] });
    };
    assert.equal(provePin(above(0x5001, 0x5000), slot).kind, 'seen');
    assert.equal(provePin(above(0x5000, 0x5000), slot).kind, 'awaited');
    assert.equal(provePin(above(0x5001), slot).kind, 'awaited');
  });

  test('is judged for slots that are here without the positions, which move all the time', () => {
    const later = pinOf({ restartLsn: at(0x7000), seenLsn: at(0x7100), streamer: { node: 'bravo' } });
    assert.deepEqual(withoutPositions(pinOf()), withoutPositions(later));
  });

  test('no temporary slot holds anything back: one has to be made', () => {
    assert.equal(after({ working: [] }).making.kind, 'none');
  });

  test('is waited for from when the temporary slot shows', () => {
    assert.match(reasonOf(after({ local: [] })), /temporary slot is being made/);
    assert.match(
      reasonOf(after({ pin: unpinned })),
      /waits for the pin: .*to_bravo on alpha does not hold back/,
    );
  });

  test('is measured by the WAL that was here when the temporary slot showed first', () => {
    const later = { endOfWal: 0x8000 };
    assert.equal(after({ pin: unpinned }, later).making.kind, 'held');
    assert.equal(after({ local: [], endOfWal: 0x1000 }, later).making.kind, 'awaited');
  });

  test('counts where replay has reached the position at which it was seen, and not before', () => {
    const behind = after({ replayLsn: 0x30ff });
    assert.match(reasonOf(behind), /waits for replay to reach 0\/3100/);
    const further = pinOf({ seenLsn: at(0x8000) });
    const reached = after({ replayLsn: 0x30ff }, { replayLsn: 0x3100, pin: further });
    assert.deepEqual(reached.making, { kind: 'held', under: ANCHOR.name });
  });

  test('is lost with whatever it rests on, and a lost one does not come back', () => {
    const losses: Look[] = [
      { pin: unpinned },
      { pin: pinOf({}, { hotStandbyFeedback: false }) },
      { pin: pinOf({}, { primary: 'bravo@1' }) },
      { pin: pinOf({}, { primary: 'alpha@2' }) },
      { local: [] },
      { local: [row(ANCHOR, { invalidationReason: 'rows_removed' })] },
    ];
    for (const loss of losses) {
      const { making, noted } = after({}, loss, {});
      assert.equal(making.kind, 'none');
      assert.equal(noted.get(ANCHOR.name)?.lost, true);
    }
  });
});

describe('a copy that stands here', { timeout: 20_000 }, () => {
  const STANDING = { name: 'app', isStanding: true };
  const look = (catalogXmin = 700): Look => ({
    working: [STANDING],
    local: [local('app', { catalogXmin })],
  });

  test('spares an anchor once the pin was seen for it, and goes on with that as it moves', () => {
    assert.equal(after({ ...look(), pin: unpinned }).making.kind, 'none');
    assert.deepEqual(after(look(), look(750)).making, { kind: 'held', under: 'app' });
  });

  test('needs as good a proof as an anchor, and loses it as that does', () => {
    assert.equal(after({ ...look(), pin: pinOf({ restartLsn: at(0x3000) }) }).making.kind, 'none');
    assert.equal(after(look(), { ...look(), pin: unpinned }, look()).making.kind, 'none');
    assert.equal(after(look(), { ...look(), local: [] }, look()).making.kind, 'none');
  });

  test('is one that slotcast made, which is sound', () => {
    const rows = [
      local('foreign'),
      local('unproven'),
      local('gone', { invalidationReason: 'rows_removed' }),
      local('slotcast_tmp_1', { temporary: true }),
      local('native', { synced: true }),
      ...['a', 'b', 'c', 'd'].map((name) => local(name)),
    ];
    const ownership = new Map(
      ['unproven', 'gone', 'slotcast_tmp_1', 'native', 'a', 'b', 'c', 'd'].map((name) => [
        parseSlotName(name),
        owning({ proven: name !== 'unproven' }),
      ]),
    );
    const names = standingSlots(rows, ownership).map(({ name }) => name);
    assert.deepEqual(names, ['a', 'b', 'c']);
  });
});

describe('a probe', { timeout: 20_000 }, () => {
  const both = [ANCHOR, PROBE];

  function probeAfter(...looks: readonly Look[]) {
    return after(...looks).noted.get(PROBE.name);
  }

  test('counts when what it was begun under is there after it has its catalog_xmin', () => {
    assert.equal(probeAfter({}, { working: both })?.pinnedOn, 'alpha@1');
  });

  test('does not count when that was gone by then', () => {
    assert.equal(probeAfter({}, { working: both, local: [row(PROBE)] })?.lost, true);
    assert.equal(probeAfter({ pin: unpinned }, { working: both })?.lost, true);
  });

  test('is not judged before it shows', () => {
    assert.equal(probeAfter({}, { working: both, local: [row(ANCHOR)] }), undefined);
    const making = row(PROBE, { catalogXmin: undefined });
    assert.equal(probeAfter({}, { working: both, local: [row(ANCHOR), making] }), undefined);
  });

  test('holds back catalog rows for further ones when the anchor is gone', () => {
    const { making } = after({}, { working: both }, { working: [PROBE] });
    assert.deepEqual(making, { kind: 'held', under: PROBE.name });
  });

  test('that starts where the primary holds back nothing does not count', () => {
    const older = row(PROBE, { catalogXmin: 650 });
    assert.equal(probeAfter({}, { working: both, local: [row(ANCHOR), older] })?.lost, true);
  });
});
