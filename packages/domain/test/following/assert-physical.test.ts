import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertPlan, parseSlotName, type SlotAction } from '@slotcast/domain';
import { at, slotEvent } from '../event-examples.ts';
import {
  behindReader,
  hold,
  logicalInstead,
  owningPhysical,
  reader,
  selecting,
} from './physical-situations.ts';
import { local, owning, pin, planInput, type Situation } from './plan-situations.ts';
import { planOf } from './wrong-steps.ts';

const r = parseSlotName('r');
const make = { kind: 'create_physical', slot: r } as const;
const drop = { kind: 'drop', slot: r, reason: 'wrong' } as const;
const toMake = selecting({ events: [reader(0x3000)], owned: { r: owningPhysical() } });

function move(target: number): SlotAction {
  return { kind: 'advance_physical', slot: r, target: at(target) };
}

function own(over: Parameters<typeof owningPhysical>[0]): SlotAction {
  return { kind: 'own', slot: r, ownership: owningPhysical(over) };
}

function faultsOf(action: SlotAction, situation: Situation): string {
  const step = { slot: r, state: 'catching_up', reasons: [], action } as const;
  return assertPlan(planOf([step]), planInput(situation))
    .map(({ reason }) => reason)
    .join();
}

const wrong: readonly (readonly [what: string, SlotAction, Situation, fault: RegExp])[] = [
  ['a move past replay', move(0x3000), { ...behindReader, replayLsn: at(0x2fff) }, /past replay/],
  ['a move beyond its reader', move(0x3001), behindReader, /still need/],
  [
    'a move beyond the WAL that the primary had',
    move(0x3000),
    { ...behindReader, events: [reader(0x3000, {}, { lsn: at(0x2fff) })] },
    /still need/,
  ],
  ['a move backwards', move(0x1fff), behindReader, /backwards/],
  ['a move of a foreign slot', move(0x3000), { ...behindReader, owned: {} }, /a physical slot is here/],
  [
    'a move of a slot in the place of a logical one',
    move(0x3000),
    { ...behindReader, owned: { r: owning() } },
    /a physical slot is here/,
  ],
  [
    'a move of a placeholder',
    move(0x3000),
    { ...behindReader, local: [hold(1, { restartLsn: undefined, walStatus: undefined })] },
    /a physical slot is here/,
  ],
  ['a move of a logical slot', move(0x3000), { ...behindReader, local: [local('r')] }, /no physical slot/],
  [
    'a move of a slot in use',
    move(0x3000),
    { ...behindReader, local: [hold(0x2000, { active: true })] },
    /streams through it/,
  ],
  [
    'a move for another slot of the name',
    move(0x3000),
    { ...behindReader, owned: { r: owningPhysical({ incarnation: { epoch: 9, seq: 9 } }) } },
    /another incarnation/,
  ],
  ['a slot without ownership', make, { ...toMake, owned: {} }, /not on record/],
  [
    'a slot with the ownership of a logical one',
    make,
    { ...toMake, owned: { r: owning() } },
    /not on record/,
  ],
  ['a slot whose name is taken', make, behindReader, /of that name is here/],
  ['a slot that is logical there', make, { ...toMake, events: [logicalInstead] }, /not to be here/],
  ['a slot that is not selected', make, { ...toMake, policy: { wanted: () => false } }, /not to be here/],
  ['the slot upstream', make, { ...toMake, pin: { ...pin, primarySlotName: 'r' } }, /not to be here/],
  [
    'the slot of a standby upstream',
    make,
    { ...toMake, pin: { ...pin, links: [{ slot: 'r', holder: 'alpha', feedback: true }] } },
    /not to be here/,
  ],
  ['a slot without a place', make, { ...toMake, maxReplicationSlots: 0 }, /no replication slot is free/],
  ['a record of what is foreign', own({}), { ...behindReader, owned: {} }, /not slotcast/],
  ['a record of what is logical there', own({}), { ...toMake, events: [logicalInstead] }, /no physical slot/],
  ['a record of another slot', own({ incarnation: { epoch: 9, seq: 9 } }), toMake, /another incarnation/],
  ['a drop of what is wanted', drop, behindReader, /is wanted/],
  [
    'a drop of what was made anew there',
    drop,
    { ...behindReader, owned: { r: owningPhysical({ incarnation: { epoch: 9, seq: 9 } }) } },
    /is wanted/,
  ],
  [
    'a drop of what is in use',
    drop,
    { ...behindReader, events: [], local: [hold(0x2000, { active: true })] },
    /streams through it/,
  ],
  [
    'a drop of a foreign slot',
    drop,
    selecting({ events: [slotEvent('r', { seq: 2 }, { op: 'drop' })], local: [hold(0x2000)] }),
    /a physical slot is here/,
  ],
];

describe('a wrong step with a physical slot is stopped', { timeout: 20_000 }, () => {
  for (const [what, action, situation, fault] of wrong) {
    test(what, () => assert.match(faultsOf(action, situation), fault));
  }
});

describe('a right step with a physical slot', { timeout: 20_000 }, () => {
  for (const [what, action, situation] of [
    ['moves it to where its reader is', move(0x3000), behindReader],
    ['moves it to where it stands', move(0x2000), { ...behindReader, events: [] }],
    ['makes it', make, toMake],
    ['drops what is gone', drop, { ...behindReader, events: [] }],
  ] as const) {
    test(what, () => assert.equal(faultsOf(action, situation), ''));
  }
});
