import { reason } from '../reasons/reason.ts';
import { databaseOf, sameDatabase } from '../vocabulary/slot-database.ts';
import { sameIncarnation } from '../vocabulary/slot-event.ts';
import { isOwnWorkingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import {
  isInvalidated,
  isLogical,
  type LocalSlot,
  sameIdentity,
  xidPrecedesOrEquals,
} from '../vocabulary/slot-state.ts';
import { checkDrop, checkIdleLeader, checkRelease } from './assert-drop.ts';
import { checkEnabling, checkMaking, checkRestore, checkTemporary } from './assert-making.ts';
import { checkOwnAside, checkSetAside, isForAside } from './assert-orphan.ts';
import { checkOwnPhysical, checkPhysicalMaking, checkPhysicalMove } from './assert-physical.ts';
import {
  type Check,
  factsOf,
  isConfirmed,
  isOfPresent,
  isUpTo,
  type SlotFacts,
  violationOf,
} from './plan-facts.ts';
import type { PlanInput } from './plan-input.ts';
import type { Plan } from './slot-plan.ts';
import type { SlotAction, SlotVerdict } from './slot-verdict.ts';

/** A step that breaks a rule by which no data is lost. */
export interface Violation {
  readonly slot: SlotName;
  readonly step: SlotAction['kind'];
  /** All that is wrong with it. */
  readonly reason: string;
}

type Of<Kind extends SlotAction['kind']> = Extract<SlotAction, { kind: Kind }>;

const makesSlot: ReadonlySet<SlotAction['kind']> = new Set([
  'copy',
  'create_two_phase',
  'create_physical',
  'restore',
  'set_aside',
]);

/**
 * Checks every step of a plan against the facts that it was made of, by other code than made it: what a fault of a plan would do to a slot cannot be
 * taken back. A plan without steps costs nothing.
 */
export function assertPlan(plan: Plan, input: PlanInput): readonly Violation[] {
  const stepping = plan.verdicts.filter(({ action }) => action !== undefined);
  if (stepping.length + plan.idleLeaders.length === 0) {
    return [];
  }
  const factsOn = factsOf(input, plan.filterDoubt !== undefined);
  const judged = new Set<SlotName>();
  const away = slotsAway(input);
  let free = input.maxReplicationSlots - input.local.length - (input.unreadable ?? []).length - away.size;
  const violations = stepping.flatMap(({ slot, action }): Violation[] => {
    if (action === undefined) {
      return [];
    }
    const facts = factsOn(action.slot);
    const isMade = makesSlot.has(action.kind);
    free -= isMade && !away.has(action.slot) ? 1 : 0;
    const checks: readonly Check[] = [
      [action.slot === slot && !judged.has(slot), 'it is not the only step of its slot'],
      [!isMade || free >= 0, 'no replication slot is free for it'],
      ...checkAny(action, facts),
      ...checkStep(action, facts),
    ];
    judged.add(slot);
    return violationOf(slot, action.kind, checks);
  });
  const leaders = plan.idleLeaders.flatMap((name) =>
    violationOf(name, 'drop', checkIdleLeader(factsOn(name), factsOn)),
  );
  return [...violations, ...leaders];
}

/** Slots that are being made anew and are not here at the moment: each comes back into the place that it had. */
function slotsAway({ local, remaking }: PlanInput): ReadonlySet<SlotName> {
  const away = new Set(remaking?.slots);
  for (const { name } of local) {
    away.delete(name);
  }
  return away;
}

/** The plan without the steps that break a rule: their slots are blocked, and all others go on. */
export function withoutViolations(plan: Plan, violations: readonly Violation[]): Plan {
  if (violations.length === 0) {
    return plan;
  }
  const bySlot = new Map(violations.map((violation) => [violation.slot, violation]));
  return {
    ...plan,
    verdicts: plan.verdicts.map((entry) => {
      const violation = bySlot.get(entry.slot);
      return violation === undefined ? entry : blocked(entry, violation);
    }),
    idleLeaders: plan.idleLeaders.filter((name) => !bySlot.has(name)),
  };
}

function blocked({ slot }: SlotVerdict, { step, reason: fault }: Violation): SlotVerdict {
  return { slot, state: 'blocked', reasons: [reason('invariant', { step, fault })], atRisk: true };
}

/** Whatever the step is. */
function checkAny({ kind }: SlotAction, { name, here, owned, input }: SlotFacts): readonly Check[] {
  const held = input.held.get(name);
  return [
    [!isOwnWorkingSlot(name), "it is a working slot of slotcast's"],
    [here?.type !== 'physical' || owned?.physical === true, 'a physical slot is here'],
    [
      !isLogical(here) || !here.synced || kind === 'release',
      "PostgreSQL's own slot synchronisation keeps it",
    ],
    [held === undefined || (!held.pausing && held.cause !== 'upkeep'), 'no step may be taken now'],
    [!(input.unreadable ?? []).some(({ slot }) => slot === name), 'its row here cannot be right'],
  ];
}

function checkStep(action: SlotAction, slot: SlotFacts): readonly Check[] {
  switch (action.kind) {
    case 'own':
      return checkOwn(action, slot);
    case 'release':
      return checkRelease(slot);
    case 'anchor':
    case 'probe':
      return checkTemporary(action, slot);
    case 'copy':
    case 'create_two_phase':
      return checkMaking(action, slot);
    case 'enable_two_phase':
      return checkEnabling(action, slot);
    case 'restore':
      return checkRestore(action, slot);
    case 'set_aside':
      return checkSetAside(action, slot);
    case 'advance':
      return checkAdvance(action, slot);
    case 'create_physical':
      return checkPhysicalMaking(slot);
    case 'advance_physical':
      return checkPhysicalMove(action, slot);
    case 'keep':
      return checkKeep(action, slot);
    case 'drop':
      return checkDrop(slot);
  }
}

function checkAdvance(action: Of<'advance'>, slot: SlotFacts): readonly Check[] {
  const { here, state, owned, furthest, input } = slot;
  const { target, goal } = action;
  const from = here?.confirmedFlushLsn;
  return [
    ...checkMoved(action, slot),
    [isOfPresent(slot), "it is not slotcast's, or of another incarnation"],
    [owned?.proven === true, 'it is not known to be safe'],
    [
      here !== undefined && state !== undefined && sameIdentity(here, state),
      'it is another slot on the primary',
    ],
    [from !== undefined && from < target && target <= goal, 'it would not go forwards'],
    [goal <= input.replayLsn, 'it would go past replay'],
    [isConfirmed(goal, slot) && isUpTo(goal, furthest), 'its subscriber has not confirmed that'],
  ];
}

function checkKeep(action: Of<'keep'>, slot: SlotFacts): readonly Check[] {
  return [
    ...checkMoved(action, slot),
    [slot.owned !== undefined, "it is not slotcast's"],
    [action.position === slot.here?.confirmedFlushLsn, 'it does not stand there'],
  ];
}

function checkMoved(action: Of<'advance' | 'keep'>, { here }: SlotFacts): readonly Check[] {
  const isItself =
    isLogical(here) && here.plugin === action.plugin && sameDatabase(databaseOf(here), action.database);
  return [
    [isItself, 'no such slot is here'],
    [here !== undefined && !isInvalidated(here), 'it is invalidated here'],
    [here?.active !== true, 'another program uses it'],
  ];
}

/** What is recorded is believed from then on. */
function checkOwn({ ownership }: Of<'own'>, slot: SlotFacts): readonly Check[] {
  if (isForAside(ownership, slot)) {
    return checkOwnAside(ownership, slot);
  }
  if (ownership.physical === true) {
    return checkOwnPhysical(ownership, slot);
  }
  const { here, event, state, owned, input } = slot;
  const { highestLsn, proven } = ownership;
  const isNew = here === undefined;
  return [
    [isNew || owned !== undefined, "a slot is here that is not slotcast's"],
    [
      event !== undefined &&
        sameIncarnation(ownership.incarnation, event.incarnation) &&
        ownership.lineage === input.manifest.lineage,
      'it is of another incarnation or topic',
    ],
    [
      highestLsn === owned?.highestLsn || (highestLsn !== undefined && isConfirmed(highestLsn, slot)),
      'its subscriber has not confirmed that',
    ],
    [
      !proven ||
        (isNew ? isLogical(state) && !state.twoPhase : owned?.proven === true || isProven(slot, here)),
      'it is not known to be safe',
    ],
  ];
}

/** Nothing is skipped, nor sent twice, of a slot that stands here and was not safe before. */
function isProven(slot: SlotFacts, here: LocalSlot): boolean {
  const { name, event, input } = slot;
  if (isLogical(here) && here.twoPhase) {
    const before = input.unproven.get(name)?.preparedBefore;
    const open = input.prepared?.transactions.some(({ xid }) => before?.has(xid) === true);
    const { confirmedFlushLsn: start } = here;
    return start !== undefined && isConfirmed(start, slot) && before !== undefined && open === false;
  }
  const onPrimary = (input.waiting.get(name)?.newest ?? event)?.state;
  return (
    onPrimary?.catalogXmin !== undefined &&
    here.catalogXmin !== undefined &&
    xidPrecedesOrEquals(onPrimary.catalogXmin, here.catalogXmin) &&
    isUpTo(onPrimary.restartLsn, here.restartLsn)
  );
}
