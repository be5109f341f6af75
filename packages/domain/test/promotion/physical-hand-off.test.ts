import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertHandOff, parseSlotName, type SlotEvent, withoutWrongSteps } from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { hold, owningPhysical, reader } from '../following/physical-situations.ts';
import { owning } from '../following/plan-situations.ts';
import { physicalSlot } from '../vocabulary-examples.ts';
import { type HandOffSituation, handOffInput, handOffOf, SWITCH } from './hand-off-situations.ts';

const r = parseSlotName('r');
const owned = { r: owningPhysical() };

/** Of a reader that was there when much more WAL was flushed. */
function at9(position: number, over: Partial<SlotEvent> = {}): SlotEvent {
  return { ...reader(position), lsn: at(0x9_0000), ...over };
}

/** The copy stands at 0/2000, and the timeline was left at 0/5000. */
function promoted(position: number, over: HandOffSituation = {}): HandOffSituation {
  return { events: [at9(position)], local: [hold(0x2000)], owned, ...over };
}

function movesOf(situation: HandOffSituation): readonly unknown[] {
  return handOffOf(situation).physicalMoves;
}

function faultsOf(target: number, situation: HandOffSituation): string {
  const plan = { ...handOffOf({}), physicalMoves: [{ slot: r, target: at(target) }] };
  const input = handOffInput(situation);
  const violations = assertHandOff(plan, input);
  assert.deepEqual(withoutWrongSteps(plan, violations).physicalMoves.length, violations.length === 0 ? 1 : 0);
  return violations.map(({ step, reason }) => `${step}: ${reason}`).join();
}

describe('the hand-off of a copy of a physical slot', { timeout: 20_000 }, () => {
  test('moves it to where its reader was, as far as this server has the WAL', () => {
    assert.deepEqual(movesOf(promoted(0x3000)), [{ slot: 'r', target: at(0x3000) }]);
    assert.deepEqual(movesOf(promoted(0x5800)), [{ slot: 'r', target: SWITCH }]);
    assert.deepEqual(movesOf(promoted(0x2000)), []);
  });

  test('neither loses it nor fences, drops or renames anything for it', () => {
    const { ahead, lost, drops, quarantines, placeholders } = handOffOf(promoted(0x5800));
    assert.deepEqual([ahead, lost, drops, quarantines, placeholders], [[], [], [], [], []]);
    assert.deepEqual(handOffOf(promoted(0x3000, { local: [] })).lost, []);
  });

  test('tells of a reader that has more WAL than this server', () => {
    const told = [{ slot: 'r', restartLsn: at(0x5800), leftLsn: SWITCH }];
    assert.deepEqual(handOffOf(promoted(0x5800)).readersAhead, told);
    assert.deepEqual(handOffOf(promoted(0x5800, { wanted: () => false })).readersAhead, []);
    assert.deepEqual(handOffOf(promoted(0x3000)).readersAhead, []);
  });

  test('leaves alone what is foreign, in use, gone, or of another slot', () => {
    const dropped = { ...at9(0x3000), op: 'drop' as const };
    const lostThere = { ...at9(0x3000), state: physicalSlot('r', { walStatus: 'lost' }) };
    for (const over of [
      { owned: {} },
      { owned: { r: owning() } },
      { owned: { r: owningPhysical({ incarnation: { epoch: 9, seq: 9 } }) } },
      { local: [hold(0x2000, { active: true })] },
      { local: [hold(1, { restartLsn: undefined })] },
      { events: [dropped] },
      { events: [lostThere] },
    ] satisfies HandOffSituation[]) {
      assert.deepEqual(movesOf(promoted(0x3000, over)), []);
    }
  });
});

describe('a wrong move of a physical slot at a promotion is stopped', { timeout: 20_000 }, () => {
  for (const [what, target, over, fault] of [
    ['beyond its reader', 0x3001, {}, /still need/],
    [
      'beyond the WAL that the primary had',
      0x3000,
      { events: [at9(0x3000, { lsn: at(0x2fff) })] },
      /still need/,
    ],
    ['beyond the switch', 0x5001, { events: [at9(0x5800)] }, /shares with the one before/],
    ['backwards', 0x1fff, {}, /forwards/],
    ['of a foreign slot', 0x3000, { owned: {} }, /not slotcast/],
    ['of what was recorded as logical', 0x3000, { owned: { r: owning() } }, /not slotcast/],
    ['of a slot in use', 0x3000, { local: [hold(0x2000, { active: true })] }, /streams through it/],
    ['of a slot that is not here', 0x3000, { local: [] }, /no such slot/],
  ] satisfies [string, number, HandOffSituation, RegExp][]) {
    test(what, () => assert.match(faultsOf(target, promoted(0x3000, over)), fault));
  }

  test('and a right one is not', () => assert.equal(faultsOf(0x3000, promoted(0x3000)), ''));
});
