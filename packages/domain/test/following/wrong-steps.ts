import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertPlan, type Plan, parseSlotName, type SlotAction, type SlotVerdict } from '@slotcast/domain';
import { at } from '../event-examples.ts';
import { saying } from '../reason-examples.ts';
import { shop } from '../vocabulary-examples.ts';
import { live, local, mine, owning, planInput, probed, type Situation } from './plan-situations.ts';

export const a = parseSlotName('a');
export const onA = { slot: a, database: shop, plugin: 'pgoutput' } as const;
export const leader = parseSlotName('slotcast_leader_1');

export const drop = { kind: 'drop', slot: a, reason: 'wrong' } as const;
export const copy = { kind: 'copy', ...onA } as const;
export const restore = { kind: 'restore', ...onA, leader } as const;
export const direct = { kind: 'create_two_phase', ...onA } as const;

export const enable = { kind: 'enable_two_phase', slot: a, database: shop } as const;

export function advance(target: number, goal = target): SlotAction {
  return { kind: 'advance', ...onA, target: at(target), goal: at(goal) };
}

export function planOf(verdicts: readonly SlotVerdict[], over: Partial<Plan> = {}): Plan {
  return { verdicts, idleProbes: [], idleLeaders: [], idleAnchor: false, ...over };
}

export function stepping(action: SlotAction): SlotVerdict {
  return { slot: a, state: 'catching_up', reasons: [], action };
}

/** What is wrong with a step, in a situation that would not have it made. */
export function faultsOf(action: SlotAction, situation: Situation): string {
  return assertPlan(planOf([stepping(action)]), planInput(situation))
    .map(({ reason }) => reason)
    .join();
}

/** A copy at 0/2000 that is to follow to 0/3000. */
export const behind: Situation = {
  events: [live('a', { confirmedFlushLsn: at(0x3000) })],
  local: [local('a')],
  owned: mine,
};
/** A slot that can be copied from a temporary one. */
export const missing: Situation = { events: [live('a')], owned: mine, probes: probed };
export const leading = local('slotcast_leader_1', { confirmedFlushLsn: at(0x1800) });
/** A slot that got lost as it was made anew. */
export const lost: Situation = {
  events: [live('a')],
  local: [leading],
  owned: { a: owning({ remaking: true }) },
};
export const unproven = { a: owning({ proven: false }) };
export const twoPhase: Situation = {
  events: [live('a', { twoPhase: true })],
  owned: unproven,
  probes: probed,
};
export const otherIncarnation = { a: owning({ incarnation: { epoch: 9, seq: 9 } }) };
export const otherLineage = { a: owning({ lineage: 'other' }) };
export const pausing = {
  a: { reasons: [saying('is being made')], pausing: true, cause: 'passing' },
} as const;
export const upkeep = { a: { reasons: [saying('is made anew')], pausing: false, cause: 'upkeep' } } as const;

export interface Wrong {
  readonly what: string;
  readonly action: SlotAction;
  readonly situation: Situation;
  readonly fault: RegExp;
}

export function wrong(what: string, action: SlotAction, situation: Situation, fault: RegExp): Wrong {
  return { what, action, situation, fault };
}

/** Tests that each of these steps is found to be wrong, for its reason. */
export function stopped(what: string, steps: readonly Wrong[]): void {
  void describe(`${what} is stopped`, { timeout: 20_000 }, () => {
    for (const { what: step, action, situation, fault } of steps) {
      void test(step, () => assert.match(faultsOf(action, situation), fault));
    }
  });
}
