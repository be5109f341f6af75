import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertHandOff, type HandOffPlan, parseSlotName, withoutWrongSteps } from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { live, local, mine, owning } from '../following/plan-situations.ts';
import { saying, whyOf } from '../reason-examples.ts';
import { physicalSlot, shop } from '../vocabulary-examples.ts';
import { confirmed, type HandOffSituation, handOffInput, handOffOf } from './hand-off-situations.ts';
import { placeholder } from './promoted-model.ts';

const a = parseSlotName('a');
const copy = parseSlotName('a_diverged');
const leader = parseSlotName('slotcast_leader_1');
const nothing = handOffOf({});
const options = { timeout: 20_000 };

/** The copy stands at 0/2000, its subscriber had confirmed 0/3000, and the timeline was left at 0/5000. */
const behind: HandOffSituation = { events: [confirmed('a', 0x3000)], local: [local('a')], owned: mine };
/** Its subscriber had confirmed 0/5800, and there is a clean fence at 0/6000. */
const ahead: HandOffSituation = { ...behind, events: [confirmed('a', 0x5800)] };
const unproven: HandOffSituation = { ...behind, owned: { a: owning({ proven: false }) } };
const leading = local('slotcast_leader_1', { confirmedFlushLsn: at(0x1800) });
const lost: HandOffSituation = {
  events: [confirmed('a', 0x3000)],
  owned: { a: owning({ remaking: true }) },
  leaders: [leading],
};
const anew = local('a', { restartLsn: at(0x7000), confirmedFlushLsn: at(0x7000) });
const left = {
  ...handOffOf(behind),
  timeline: handOffInput({}).history.timeline,
  switchLsn: at(0x5000),
  lost: [{ slot: a, reasons: [saying('lost')] }],
  time: 0,
};

function advance(target: number): Partial<HandOffPlan> {
  return { advances: [{ slot: a, database: shop, plugin: 'pgoutput', target: at(target), mayWait: false }] };
}

const renaming = { slot: a, copy, database: shop, plugin: 'pgoutput', reason: 'ahead' };
const told = [{ slot: a, confirmedFlushLsn: at(0x5800), outcome: 'quarantined' }] as const;
const quarantine = { quarantines: [{ ...renaming, seen: local('a') }], ahead: told };
const placing = { placeholders: [{ slot: a }], ahead: told };
const drop = { drops: [{ slot: a, reason: 'unsafe', seen: local('a') }] };
const open = { isOpenEnded: true };
const restore = { restores: [{ slot: a, leader, database: shop, plugin: 'pgoutput' }] };
const failover = { failovers: [{ slot: a, database: shop }] };
const twoPhase = { twoPhases: [{ slot: a, database: shop }] };
const takesPrepared = { ...behind, events: [live('a', { twoPhase: true, confirmedFlushLsn: at(0x3000) })] };

function outcome(of: 'fenced' | 'quarantined' | 'unsafe'): Partial<HandOffPlan> {
  return { ahead: [{ slot: a, confirmedFlushLsn: at(0x5800), outcome: of }] };
}

const fencedBefore = { ...left, ahead: outcome('fenced').ahead ?? [], lost: [] };

function faultsOf(plan: Partial<HandOffPlan>, situation: HandOffSituation): string {
  return assertHandOff({ ...nothing, ...plan }, handOffInput(situation))
    .map(({ step, reason }) => `${step}: ${reason}`)
    .join();
}

type Wrong = readonly [what: string, plan: Partial<HandOffPlan>, situation: HandOffSituation, fault: RegExp];

const otherIncarnation = { owned: { a: owning({ incarnation: { epoch: 9, seq: 9 } }) } };
const physical = { local: [{ ...physicalSlot('a'), temporary: false }] };
const notClean = { passes: [{ reachedLsn: at(0x6000), clean: false }] };

const moves: readonly Wrong[] = [
  ['past the point where the timeline was left', advance(0x5001), ahead, /past the WAL/],
  ['beyond its subscriber', advance(0x3001), behind, /not confirmed/],
  ['to where it stands', advance(0x2000), behind, /forwards/],
  ['of a foreign slot', advance(0x3000), { ...behind, owned: {} }, /not slotcast/],
  ['of another incarnation', advance(0x3000), { ...behind, ...otherIncarnation }, /not slotcast/],
  ['of another topic', advance(0x3000), { ...behind, lineage: 'other' }, /not slotcast/],
  ['of an unsafe slot', advance(0x3000), unproven, /not slotcast/],
  ['of a physical slot', advance(0x3000), { ...behind, ...physical }, /no such slot/],
  [
    'of a slot that is lost',
    advance(0x3000),
    { ...behind, local: [local('a', { walStatus: 'lost' })] },
    /no such slot/,
  ],
  [
    'from another database',
    advance(0x3000),
    { ...behind, local: [local('a', { database: 'hr', databaseOid: 16_385 })] },
    /another database/,
  ],
  ['of one that was recorded as lost', advance(0x3000), { ...behind, earlier: left }, /another one/],
  ['of a slot that is dropped', { ...advance(0x3000), ...drop }, behind, /another step/],
  [
    'of a slot whose row cannot be right',
    advance(0x3000),
    { ...behind, unreadable: [{ slot: 'a', reason: saying('odd') }] },
    /cannot be right/,
  ],
];

const others: readonly Wrong[] = [
  ['two_phase is set of a slot that never had it', twoPhase, behind, /two_phase: it never had/],
  [
    'two_phase is set of a slot that has it',
    twoPhase,
    { ...takesPrepared, local: [local('a', { twoPhase: true })] },
    /cannot get that property/,
  ],
  ['two_phase is set of a foreign slot', twoPhase, { ...takesPrepared, owned: {} }, /not slotcast/],
  ['two_phase is set of a slot that is dropped', { ...twoPhase, ...drop }, takesPrepared, /another step/],
  ['a fenced slot is renamed', { ...quarantine, ahead: told }, ahead, /quarantine: nothing is wrong/],
  [
    'a slot that was made since is renamed',
    { quarantines: [{ ...renaming, seen: anew }], ahead: told },
    { ...ahead, ...notClean, local: [anew] },
    /after the promotion/,
  ],
  ['a foreign slot is renamed', quarantine, { ...ahead, ...notClean, owned: {} }, /not slotcast/],
  [
    'a slot keeps its name',
    { quarantines: [{ ...renaming, copy: a, seen: local('a') }], ahead: told },
    { ...ahead, ...notClean },
    /keep its name/,
  ],
  [
    'a slot is renamed that was moved',
    { quarantines: [{ ...renaming, seen: anew }], ahead: told },
    { ...ahead, ...notClean },
    /stands elsewhere/,
  ],
  [
    'a slot is renamed, and nobody is told',
    { ...quarantine, ahead: [] },
    { ...ahead, ...notClean },
    /nobody is told/,
  ],
  ['a name is taken that is not free', placing, { ...ahead, ...notClean }, /slot of that name is here/],
  ['the name of a slot is taken that is fenced', placing, { ...ahead, local: [] }, /nothing was wrong/],
  [
    'the name of a foreign slot is taken',
    placing,
    { ...ahead, ...notClean, local: [], owned: {} },
    /not slotcast/,
  ],
  [
    'a name is taken that a person has freed',
    placing,
    { ...ahead, ...notClean, local: [], earlier: { ...left, ahead: told, lost: [] } },
    /a person may have freed/,
  ],
  [
    'the name of a slot is taken whose row cannot be right',
    placing,
    { ...ahead, ...notClean, local: [], unreadable: [{ slot: 'a', reason: saying('odd') }] },
    /slot of that name is here/,
  ],
  ['a safe slot is dropped', drop, behind, /unsafe/],
  ['a foreign slot is dropped', drop, { ...behind, owned: {} }, /unsafe/],
  ['a physical slot is dropped', drop, { ...unproven, ...physical }, /no slot of slotcast/],
  [
    "PostgreSQL's own copy is dropped",
    drop,
    { ...unproven, local: [local('a', { synced: true })] },
    /no slot of slotcast/,
  ],
  [
    'a slot that was made since is dropped',
    { drops: [{ slot: a, reason: 'unsafe', seen: anew }] },
    { ...unproven, local: [anew] },
    /after the promotion/,
  ],
  [
    'a slot is dropped that was moved',
    { drops: [{ slot: a, reason: 'unsafe', seen: anew }] },
    unproven,
    /stands elsewhere/,
  ],
  ['the making of a safe slot is ended', { creations: [a] }, behind, /making/],
  ['a slot is made again that is here', restore, { ...lost, local: [local('a')] }, /is here/],
  ['a slot is made again that was not to be', restore, { ...lost, owned: mine }, /made anew/],
  [
    'a slot is made beyond its subscriber',
    restore,
    { ...lost, leaders: [{ ...leading, confirmedFlushLsn: at(0x2001) }] },
    /skip/,
  ],
  [
    'a slot is made in another database',
    restore,
    { ...lost, leaders: [{ ...leading, database: 'hr', databaseOid: 16_385 }] },
    /database/,
  ],
  ['a slot is made from none', restore, { ...lost, leaders: [] }, /no leading slot/],
  [
    'a slot is made from one that was moved since',
    restore,
    {
      ...lost,
      owned: { a: owning({ remaking: true, highestLsn: at(0x6000) }) },
      leaders: [{ ...leading, confirmedFlushLsn: at(0x5001) }],
    },
    /moved since/,
  ],
  ['a property is set that was not there', failover, behind, /never had/],
  ['a slot is fenced though another primary is at work', outcome('fenced'), { ...ahead, ...open }, /gone on/],
  [
    'a slot in use is still called fenced then, as it was before',
    outcome('fenced'),
    { ...ahead, ...open, earlier: fencedBefore },
    /gone on/,
  ],
  [
    'a slot in use is still called fenced, though its subscriber has gone past the fence',
    outcome('fenced'),
    { ...ahead, events: [confirmed('a', 0x6001)], earlier: fencedBefore },
    /no fence/,
  ],
  ['a slot in use is not told of then', {}, { ...behind, ...open }, /nobody is told/],
  ['a slot is fenced without a clean pass', outcome('fenced'), { ...ahead, ...notClean }, /no fence/],
  [
    'a slot is fenced by a pass that ends before it',
    outcome('fenced'),
    { ...ahead, passes: [{ reachedLsn: at(0x57ff), clean: true }] },
    /no fence/,
  ],
  [
    'a slot is fenced against the setting',
    outcome('fenced'),
    { ...ahead, onDivergence: 'quarantine' },
    /no fence/,
  ],
  ['a slot is told as renamed that is not', outcome('quarantined'), { ...ahead, ...notClean }, /is not/],
  ['a slot is told twice', { ahead: [...told, ...told] }, { ...ahead, local: [] }, /told twice/],
  ['a subscriber is ahead, and nobody is told', {}, ahead, /nobody is told/],
];

describe('a move at a promotion is found wrong', options, () => {
  for (const [what, plan, situation, fault] of moves) {
    test(what, () => assert.match(faultsOf(plan, situation), fault));
  }
});

describe('a hand-off is found wrong when', options, () => {
  for (const [what, plan, situation, fault] of others) {
    test(what, () => assert.match(faultsOf(plan, situation), fault));
  }
});

describe('a hand-off that is right', options, () => {
  for (const [what, plan, situation] of [
    ['moves a copy to where its subscriber was', advance(0x3000), behind],
    ['renames a slot that nothing fences', quarantine, { ...ahead, ...notClean }],
    ['takes the name of such a slot', placing, { ...ahead, ...notClean, local: [] }],
    [
      'tells of a slot that it had quarantined',
      { ahead: told },
      { ...ahead, ...notClean, local: [placeholder('a')] },
    ],
    ['drops a slot that is not safe', drop, unproven],
    ['makes a slot again', restore, lost],
    ['tells of a fence that stands', outcome('fenced'), ahead],
    [
      'repeats that a slot was fenced which is not here any more',
      outcome('fenced'),
      { ...ahead, ...open, local: [], earlier: fencedBefore },
    ],
    [
      'repeats it of a slot that it drops',
      { ...outcome('fenced'), ...drop },
      { ...ahead, owned: { a: owning({ proven: false }) }, ...open, earlier: fencedBefore },
    ],
  ] as const) {
    test(what, () => assert.equal(faultsOf(plan, situation), ''));
  }
});

describe('a hand-off with a wrong step', options, () => {
  const b = local('b');
  const both = {
    ...ahead,
    events: [confirmed('a', 0x5800), confirmed('b', 0x3000)],
    owned: { ...mine, b: owning() },
    local: [local('a'), b],
  };
  const right = handOffOf(both);

  test('does nothing to that slot, tells that it is unsafe, and goes on with all others', () => {
    const wrong = { ...right, drops: drop.drops };
    const violations = assertHandOff(wrong, handOffInput(both));
    assert.deepEqual([...new Set(violations.map(({ slot }) => slot))], [a]);
    const kept = withoutWrongSteps(wrong, violations);
    assert.deepEqual(kept.drops, []);
    assert.deepEqual(
      kept.advances.map(({ slot }) => slot),
      ['b'],
    );
    assert.deepEqual(
      kept.ahead.map(({ slot, outcome }) => [slot, outcome]),
      [['a', 'unsafe']],
    );
  });

  test('tells of a slot as lost whose subscriber was not ahead', () => {
    const wrong = { ...handOffOf(behind), ...drop, advances: [] };
    const kept = withoutWrongSteps(wrong, assertHandOff(wrong, handOffInput(behind)));
    assert.deepEqual(kept.drops, []);
    assert.match(whyOf(kept.lost[0]), /wrong step.*drop: it is not on record/);
  });

  test('is left as it is when nothing is wrong', () => {
    assert.equal(withoutWrongSteps(right, assertHandOff(right, handOffInput(both))), right);
  });
});

describe('what a hand-off leaves alone', options, () => {
  test('a physical slot, and one that PostgreSQL keeps, under the name of a slot that was to be made', () => {
    for (const here of [...physical.local, local('a', { synced: true })]) {
      assert.deepEqual(handOffOf({ ...unproven, local: [here] }).drops, []);
    }
  });

  test('a slot that is being made anew in the place of a strayed copy', () => {
    const event = live('a', { confirmedFlushLsn: at(0x2000) });
    const making = local('a', { restartLsn: at(0x7000), confirmedFlushLsn: undefined });
    const strayed = local('a', { confirmedFlushLsn: at(0x4000) });
    const plan = handOffOf({ events: [event], local: [making], before: [strayed], owned: mine });
    assert.deepEqual(plan.quarantines, []);
  });
});
