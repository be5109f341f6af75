import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertPlan, parseSlotName, type SlotAction, withoutViolations } from '@slotcast/domain';
import { at, slotEvent } from '../event-examples.ts';
import { saying, whyOf } from '../reason-examples.ts';
import { physicalSlot } from '../vocabulary-examples.ts';
import { live, local, owning, planInput, planned, type Situation } from './plan-situations.ts';
import {
  a,
  advance,
  behind,
  copy,
  direct,
  drop,
  enable,
  faultsOf,
  leader,
  lost,
  missing,
  onA,
  otherIncarnation,
  otherLineage,
  pausing,
  planOf,
  restore,
  stepping,
  stopped,
  twoPhase,
  unproven,
  upkeep,
  type Wrong,
  wrong,
} from './wrong-steps.ts';

const wrongMoves: readonly Wrong[] = [
  wrong('past replay', advance(0x3000), { ...behind, replayLsn: at(0x2fff) }, /past replay/),
  wrong(
    'to a goal past replay',
    advance(0x2800, 0x3000),
    { ...behind, replayLsn: at(0x2fff) },
    /past replay/,
  ),
  wrong('beyond its subscriber', advance(0x3001), behind, /not confirmed/),
  wrong(
    'beyond all that its subscriber was ever seen to confirm',
    advance(0x3000),
    { ...behind, furthest: new Map([[a, at(0x2fff)]]) },
    /not confirmed/,
  ),
  wrong(
    'beyond the WAL that the primary had',
    advance(0x3000),
    { ...behind, events: [live('a', { confirmedFlushLsn: at(0x3000) }, { lsn: at(0x2fff) })] },
    /not confirmed/,
  ),
  wrong('to where it stands', advance(0x2000), behind, /forwards/),
  wrong('backwards', advance(0x1000), behind, /forwards/),
  wrong('to a target beyond its goal', advance(0x3000, 0x2800), behind, /forwards/),
  wrong('of a foreign slot', advance(0x3000), { ...behind, owned: {} }, /not slotcast/),
  wrong(
    'of another incarnation',
    advance(0x3000),
    { ...behind, owned: otherIncarnation },
    /another incarnation/,
  ),
  wrong('of another topic', advance(0x3000), { ...behind, owned: otherLineage }, /another incarnation/),
  wrong('of a slot that is not safe yet', advance(0x3000), { ...behind, owned: unproven }, /to be safe/),
  wrong(
    'of a slot that was dropped',
    advance(0x3000),
    { ...behind, events: [slotEvent('a', { seq: 2 }, { op: 'drop' })] },
    /not confirmed/,
  ),
  wrong(
    'of a slot with another plugin there',
    advance(0x3000),
    { ...behind, local: [local('a', { plugin: 'wal2json' })] },
    /another slot/,
  ),
  wrong(
    'from another database',
    advance(0x3000),
    { ...behind, local: [local('a', { database: 'hr', databaseOid: 16_385 })] },
    /no such slot/,
  ),
  wrong(
    'of an invalidated slot',
    advance(0x3000),
    { ...behind, local: [local('a', { walStatus: 'lost' })] },
    /invalidated/,
  ),
  wrong(
    'of a slot that is in use',
    advance(0x3000),
    { ...behind, local: [local('a', { active: true })] },
    /another program/,
  ),
  wrong('of a slot that is not here', advance(0x3000), { ...behind, local: [] }, /no such slot/),
  wrong(
    'of a temporary slot',
    advance(0x3000),
    { ...behind, local: [local('a', { temporary: true })] },
    /no such slot/,
  ),
  wrong(
    'of a physical slot',
    advance(0x3000),
    { ...behind, local: [{ ...physicalSlot('a'), temporary: false }] },
    /physical/,
  ),
  wrong(
    "of PostgreSQL's own copy",
    advance(0x3000),
    { ...behind, local: [local('a', { synced: true })] },
    /synchronisation/,
  ),
  wrong('while a step is under way', advance(0x3000), { ...behind, holds: pausing }, /no step/),
  wrong('while it is made anew', advance(0x3000), { ...behind, holds: upkeep }, /no step/),
  wrong(
    'of a slot whose row cannot be right',
    advance(0x3000),
    { ...behind, unreadable: [{ slot: 'a', reason: saying('odd') }] },
    /cannot be right/,
  ),
  wrong(
    'to keep it elsewhere',
    { kind: 'keep', ...onA, position: at(0x2001) },
    behind,
    /does not stand there/,
  ),
  wrong(
    'to keep a foreign slot',
    { kind: 'keep', ...onA, position: at(0x2000) },
    { ...behind, owned: {} },
    /not slotcast/,
  ),
];

function own(over: Parameters<typeof owning>[0]): SlotAction {
  return { kind: 'own', slot: a, ownership: owning(over) };
}

const wrongRecords: readonly Wrong[] = [
  wrong('of a foreign slot', own({}), { ...behind, owned: {} }, /not slotcast/),
  wrong('of another incarnation', own({ incarnation: { epoch: 9, seq: 9 } }), missing, /another incarnation/),
  wrong('of another topic', own({ lineage: 'other' }), missing, /another incarnation/),
  wrong('of more than was confirmed', own({ highestLsn: at(0x3001) }), behind, /not confirmed/),
  wrong('that what has two_phase is safe before it is made', own({}), twoPhase, /to be safe/),
  wrong(
    'that a slot with two_phase is safe, while nobody knows what was prepared before',
    own({}),
    { ...twoPhase, local: [local('a', { twoPhase: true })] },
    /to be safe/,
  ),
  wrong(
    'that an adopted slot is safe whose rows the primary keeps no more',
    own({}),
    { ...behind, owned: unproven, local: [local('a', { catalogXmin: 1 })] },
    /to be safe/,
  ),
  wrong('that a slot is left that is here', { kind: 'release', slot: a }, behind, /is here/),
  wrong('that a slot is left that is wanted', { kind: 'release', slot: a }, missing, /is wanted/),
  wrong("that a slot is left that is not slotcast's", { kind: 'release', slot: a }, {}, /not slotcast/),
];

stopped('a move', wrongMoves);

stopped('a record', wrongRecords);

describe('a right step', { timeout: 20_000 }, () => {
  for (const [what, action, situation] of [
    ['moves a copy to where its subscriber is', advance(0x2800, 0x3000), behind],
    ['copies a slot that is missing', copy, missing],
    ['makes a slot with two_phase', direct, twoPhase],
    ['copies what becomes two_phase', copy, twoPhase],
    ['makes the copy two_phase', enable, { ...twoPhase, local: [local('a')] }],
    ['makes a slot again', restore, lost],
    [
      'makes a slot again in its own place, the last one',
      restore,
      { ...lost, maxReplicationSlots: 2, remaking: { slots: new Set([a]), leaders: new Set([leader]) } },
    ],
    ['drops what is gone', drop, { ...behind, events: [] }],
  ] as const) {
    test(what, () => assert.equal(faultsOf(action, situation), ''));
  }
});

/** What is wrong with the drop of a leading slot. */
function idle(situation: Situation, name = leader): string {
  return assertPlan(planOf([], { idleLeaders: [name] }), planInput(situation))
    .map(({ reason }) => reason)
    .join();
}

describe('leading slots', { timeout: 20_000 }, () => {
  test('are kept while a slot is missing that may be made from them', () => {
    assert.match(idle(lost), /may be made from it/);
    assert.match(idle({ ...lost, events: [] }), /may be made from it/);
    assert.equal(idle({ ...lost, owned: {} }), '');
  });

  test('are kept while they are in use, and nothing else is dropped as one', () => {
    const remaking = { slots: new Set<never>(), leaders: new Set([leader]) };
    assert.match(idle({ ...lost, owned: {}, remaking }), /being made from it/);
    assert.match(idle(behind, a), /no leading slot/);
  });
});

describe('a plan with a wrong step', { timeout: 20_000 }, () => {
  test('leaves that slot blocked and as it is, with the reason, and all others go on', () => {
    const b = parseSlotName('b');
    const situation = {
      ...behind,
      events: ['a', 'b'].map((name) => live(name, { confirmedFlushLsn: at(0x3000) })),
      local: [local('a'), local('b')],
      owned: { a: owning(), b: owning() },
    };
    const right = planned(situation);
    const input = planInput(situation);
    const faulty = {
      ...right,
      verdicts: right.verdicts.map((entry) => (entry.slot === a ? stepping(drop) : entry)),
    };
    const violations = assertPlan(faulty, input);
    assert.deepEqual(
      violations.map(({ slot, step }) => [slot, step]),
      [['a', 'drop']],
    );
    const { verdicts } = withoutViolations(faulty, violations);
    const [first, second] = verdicts;
    assert.equal(first?.action, undefined);
    assert.equal(first?.state, 'blocked');
    assert.equal(first?.atRisk, true);
    assert.match(whyOf(first), /wrong step \(drop: it is a sound copy.*report it/);
    assert.equal(
      second,
      right.verdicts.find(({ slot }) => slot === b),
    );
    assert.equal(second?.action?.kind, 'advance');
  });

  test('is stopped when it has two steps for one slot, or a step for another slot than its verdict', () => {
    const input = planInput(behind);
    const twice = planOf([stepping(advance(0x3000)), stepping(advance(0x3000))]);
    assert.match(assertPlan(twice, input)[0]?.reason ?? '', /only step/);
    const other = planOf([{ ...stepping(advance(0x3000)), slot: parseSlotName('b') }]);
    assert.match(assertPlan(other, input)[0]?.reason ?? '', /only step/);
  });

  test('never touches a working slot', () => {
    const name = parseSlotName('slotcast_keep');
    const plan = planOf([{ slot: name, state: 'absent', reasons: [], action: { ...drop, slot: name } }]);
    const situation = { local: [local('slotcast_keep')], owned: { slotcast_keep: owning() } };
    assert.match(assertPlan(plan, planInput(situation))[0]?.reason ?? '', /working slot/);
  });

  test('loses the leading slots that it would have dropped', () => {
    const plan = planOf([], { idleLeaders: [leader] });
    const passed = withoutViolations(plan, assertPlan(plan, planInput(lost)));
    assert.deepEqual(passed.idleLeaders, []);
  });
});

test('while the filter is in doubt, no copy is dropped that it does not select', { timeout: 20_000 }, () => {
  const input = planInput({ ...behind, policy: { wanted: () => false } });
  const plan = planOf([stepping(drop)], { filterDoubt: saying('selects none') });
  assert.match(assertPlan(plan, input)[0]?.reason ?? '', /sound copy/);
  assert.deepEqual(assertPlan(planOf([stepping(drop)]), input), []);
});
