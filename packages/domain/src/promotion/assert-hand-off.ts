import { isUsableSource } from '../following/assert-making.ts';
import { type Check, isUpTo, placeOf, violationOf } from '../following/plan-facts.ts';
import { reason } from '../reasons/reason.ts';
import { formatLsn, type Lsn, laterLsn } from '../vocabulary/lsn.ts';
import { isPlaceholder } from '../vocabulary/placeholder.ts';
import type { SlotAhead } from '../vocabulary/promotion-record.ts';
import { databaseOf, type SlotDatabase, sameDatabase } from '../vocabulary/slot-database.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated, isLogical, type LocalLogicalSlot, type LocalSlot } from '../vocabulary/slot-state.ts';
import { describeHistory, sameStart, startOf } from '../vocabulary/timeline-history.ts';
import { checkPhysicalMove } from './assert-physical-hand-off.ts';
import {
  type HandOffFacts,
  handOffFacts,
  isAhead,
  isFencedFor,
  isMadeAfter,
  sharedOf,
  wasLeft,
} from './hand-off-facts.ts';
import type { HandOffInput, HandOffPlan } from './hand-off-plan.ts';
import type { SlotRestore } from './leader-sweep.ts';
import { copyAmong } from './quarantine-name.ts';
import type { Quarantine, SeenPlace } from './quarantine-step.ts';

/** A step of a hand-off that breaks a rule by which no data is lost, or a report that is not true. */
export interface HandOffViolation {
  readonly slot: SlotName;
  readonly step:
    | 'advance'
    | 'restore'
    | 'quarantine'
    | 'placeholder'
    | 'drop'
    | 'end'
    | 'two_phase'
    | 'failover'
    | 'physical'
    | 'report';
  /** All that is wrong with it. */
  readonly reason: string;
}

/**
 * Checks a hand-off against the facts that it was planned from, by other code than planned it. Throws a RangeError when it goes by what was done or seen of another promotion: no
 * step is right then.
 */
export function assertHandOff(plan: HandOffPlan, input: HandOffInput): readonly HandOffViolation[] {
  assertOnePromotion(input);
  const on = handOffFacts(input);
  const sources = new Map(
    plan.restores.map(({ slot, leader }) => [slot, input.leaders?.find(({ name }) => name === leader)]),
  );
  const targetOf = (slot: SlotName): Target => ({ ...on(slot), stands: on(slot).here ?? sources.get(slot) });
  const steps = countOf([...plan.advances, ...plan.quarantines, ...plan.placeholders, ...plan.drops]);
  const once = (slot: SlotName): Check => [
    steps.get(slot) === 1,
    'it has another step, which does not go with this one',
  ];
  const gone = new Set([...plan.quarantines, ...plan.drops].map(({ slot }) => slot));
  const stays = (slot: SlotName): Check => [
    !gone.has(slot),
    'it has another step, which does not go with this one',
  ];
  return [
    ...plan.advances.flatMap((entry) => {
      return violationOf(entry.slot, 'advance', [
        once(entry.slot),
        ...checkAdvance(entry, targetOf(entry.slot)),
      ]);
    }),
    ...plan.restores.flatMap((entry) =>
      violationOf(entry.slot, 'restore', checkRestore(entry, on(entry.slot))),
    ),
    ...plan.quarantines.flatMap((entry) => {
      const checks = [once(entry.slot), ...checkQuarantine(entry, targetOf(entry.slot))];
      return violationOf(entry.slot, 'quarantine', checks);
    }),
    ...plan.placeholders.flatMap(({ slot }) =>
      violationOf(slot, 'placeholder', [once(slot), ...checkPlaceholder(on(slot))]),
    ),
    ...plan.drops.flatMap(({ slot, seen }) => {
      return violationOf(slot, 'drop', [once(slot), ...checkDrop(seen, on(slot))]);
    }),
    ...plan.creations.flatMap((slot) =>
      violationOf(slot, 'end', [[on(slot).owned?.proven === false, "its making is not slotcast's"]]),
    ),
    ...plan.twoPhases.flatMap(({ slot, database }) =>
      violationOf(slot, 'two_phase', [stays(slot), ...checkTwoPhase(database, targetOf(slot))]),
    ),
    ...plan.failovers.flatMap(({ slot, database }) =>
      violationOf(slot, 'failover', [stays(slot), ...checkFailover(database, targetOf(slot))]),
    ),
    ...plan.physicalMoves.flatMap((entry) =>
      violationOf(entry.slot, 'physical', [
        [!steps.has(entry.slot), 'it has another step, which does not go with this one'],
        ...checkPhysicalMove(entry, input),
      ]),
    ),
    ...reportViolations(plan, input, on),
  ];
}

/** A timeline of the same number may have begun elsewhere, and a fence that was raised on this one lies beyond its beginning. */
function assertOnePromotion({ history, switchLsn, earlier, passes }: HandOffInput): void {
  const start = { timeline: history.timeline, switchLsn };
  if (!sameStart(start, startOf(history)) || (earlier !== undefined && !sameStart(earlier, start))) {
    throw new RangeError(
      `a hand-off of timeline ${history.timeline} from ${formatLsn(switchLsn)} on goes by another promotion: ${describeHistory(history)}`,
    );
  }
  const before = passes.find(({ reachedLsn }) => reachedLsn < switchLsn);
  if (before !== undefined) {
    throw new RangeError(
      `a fence at ${formatLsn(before.reachedLsn)} is not of timeline ${history.timeline}, which began at ${formatLsn(switchLsn)}`,
    );
  }
}

/** A slot with what stands under its name when the step is taken: it may be a copy of a leading slot by then. */
interface Target extends HandOffFacts {
  readonly stands: LocalSlot | undefined;
}

type Advance = HandOffPlan['advances'][number];

function checkAdvance({ database, plugin, target }: Advance, slot: Target): readonly Check[] {
  const { stands, marks, input } = slot;
  const from = stands?.confirmedFlushLsn;
  return [
    ...checkUsed(database, slot),
    [
      (isLogical(stands) && stands.plugin === plugin) || slot.here === undefined,
      'it has another plugin here',
    ],
    [from !== undefined && from < target, 'it would not go forwards'],
    [target <= input.switchLsn, 'it would go past the WAL that this server shares with the one before'],
    [marks.some((mark) => target <= sharedOf(mark)), 'its subscriber has not confirmed that'],
  ];
}

/** What is used from now on under its real name. */
function checkUsed(database: SlotDatabase, { name, stands, here, isOurs, input }: Target): readonly Check[] {
  return [
    [isOurs, "it is not slotcast's, or of another incarnation"],
    [isLogical(stands) && !isInvalidated(stands), 'no such slot is here'],
    [isLogical(stands) && sameDatabase(databaseOf(stands), database), 'it is in another database'],
    [here === undefined || !wasLeft(name, input), 'it was lost or renamed before, and this is another one'],
    [isReadable(name, input), 'its row here cannot be right'],
  ];
}

function checkFailover(database: SlotDatabase, slot: Target): readonly Check[] {
  const state = slot.event?.state;
  return [...checkUsed(database, slot), [isLogical(state) && state.failover, 'it never had that property']];
}

/** Only a stream of pgoutput asks for it without decoding anything. */
function checkTwoPhase(database: SlotDatabase, slot: Target): readonly Check[] {
  const { here, event, input } = slot;
  const state = event?.state;
  return [
    ...checkUsed(database, slot),
    [isLogical(state) && state.twoPhase, 'it never had that property'],
    [isLogical(here) && !here.twoPhase && here.plugin === 'pgoutput', 'it cannot get that property here'],
    [here !== undefined && !isMadeAfter(here, input), 'it was made after the promotion'],
  ];
}

function checkRestore({ leader, database }: SlotRestore, slot: HandOffFacts): readonly Check[] {
  const { name, here, owned, event, isOurs, input } = slot;
  const source = input.leaders?.find((each) => each.name === leader);
  const furthest = laterLsn(input.furthest.get(name), owned?.highestLsn);
  const state = event?.state;
  return [
    [here === undefined, 'a slot of that name is here'],
    [isOurs && owned?.remaking === true, 'it was not to be made anew'],
    [source !== undefined && isUsableSource(source), 'there is no leading slot to make it from'],
    [
      isLogical(state) &&
        !state.twoPhase &&
        isLogical(source) &&
        sameDatabase(databaseOf(source), databaseOf(state)) &&
        sameDatabase(databaseOf(source), database),
      'the leading slot is of another kind or database',
    ],
    [
      source !== undefined && isUpTo(placeOf(source), furthest),
      'the leading slot may skip changes that it needs',
    ],
    [isUpTo(source?.confirmedFlushLsn, input.switchLsn), 'the leading slot was moved since the promotion'],
    [isReadable(name, input), 'its row here cannot be right'],
  ];
}

/** Renamed only when its subscriber would skip changes: it is ahead and nothing fences it, or the copy strayed while its server was a standby. */
function checkQuarantine({ copy, database, seen }: Quarantine, slot: Target): readonly Check[] {
  const { name, stands, isOurs, input } = slot;
  return [
    [isOurs, "it is not slotcast's, or of another incarnation"],
    [isLogical(stands) && !isInvalidated(stands), 'no such slot is here'],
    [stands !== undefined && !isMadeAfter(stands, input), 'it was made after the promotion'],
    [stands !== undefined && standsAt(stands, seen), 'it stands elsewhere'],
    [isLogical(stands) && sameDatabase(databaseOf(stands), database), 'it is in another database'],
    [copy !== name, 'it would keep its name'],
    [isUnfenced(slot) || isStrayed(slot), 'nothing is wrong with it'],
    [isReadable(name, input), 'its row here cannot be right'],
  ];
}

function isUnfenced({ marks, input }: HandOffFacts): boolean {
  const ahead = marks.filter(isAhead);
  return (
    ahead.length > 0 &&
    (input.onDivergence === 'quarantine' || ahead.some((mark) => !isFencedFor(mark, input)))
  );
}

/** A name is kept taken only when it is free, and was that of a slot that must not be used: nobody else has decided to free it. */
function checkPlaceholder(slot: HandOffFacts): readonly Check[] {
  const { name, here, isOurs, input } = slot;
  return [
    [isOurs, "the slot was not slotcast's, or of another incarnation"],
    [here === undefined, 'a slot of that name is here'],
    [isReadable(name, input), 'a slot of that name is here'],
    [!wasLeft(name, input), 'it was lost or quarantined before, and a person may have freed the name'],
    [isUnfenced(slot) || isStrayed(slot) || isKept(slot), 'nothing was wrong with it'],
  ];
}

/** A quarantine of it was begun: its copy is here. */
function isKept({ name, input }: HandOffFacts): boolean {
  return copyAmong(name, new Set(input.local.map((slot) => slot.name))) !== undefined;
}

function isStrayed({ name, owned, marks, input }: HandOffFacts): boolean {
  const before = input.before?.find((slot) => slot.name === name && !slot.temporary);
  const known = [input.furthest.get(name), ...marks.map(sharedOf)].reduce(laterLsn, owned?.highestLsn);
  return before !== undefined && owned?.highestLsn !== undefined && !isUpTo(placeOf(before), known);
}

function checkDrop(seen: SeenPlace, { name, here, owned, isSound, input }: HandOffFacts): readonly Check[] {
  return [
    [owned?.proven === false, 'it is not on record that it is unsafe'],
    [!isSound, 'it skips nothing that its subscriber lacks'],
    [isLogical(here) && !here.synced, "no slot of slotcast's is here"],
    [here !== undefined && !isMadeAfter(here, input), 'it was made after the promotion'],
    [here !== undefined && standsAt(here, seen), 'it stands elsewhere'],
    [isReadable(name, input), 'its row here cannot be right'],
  ];
}

function standsAt(slot: LocalSlot, { restartLsn, confirmedFlushLsn }: SeenPlace): boolean {
  return slot.restartLsn === restartLsn && slot.confirmedFlushLsn === confirmedFlushLsn;
}

function isReadable(name: SlotName, { unreadable = [] }: HandOffInput): boolean {
  return !unreadable.some(({ slot }) => slot === name);
}

/** Of slots whose subscribers are ahead of this server: each is told once, and told as it is. */
function reportViolations(
  plan: HandOffPlan,
  input: HandOffInput,
  on: (name: SlotName) => HandOffFacts,
): HandOffViolation[] {
  const times = countOf(plan.ahead);
  const renamed = new Set([...plan.quarantines, ...plan.placeholders].map(({ slot }) => slot));
  const told = new Set([...plan.ahead, ...plan.lost, ...plan.drops].map(({ slot }) => slot));
  const dropped = new Set(plan.drops.map(({ slot }) => slot));
  const lost = new Set([...plan.lost.map(({ slot }) => slot), ...dropped]);
  const counts = plan.ahead.flatMap((entry) =>
    violationOf(entry.slot, 'report', [
      [times.get(entry.slot) === 1, 'it is told twice'],
      ...checkOutcome(entry, on(entry.slot), { renamed, dropped }),
    ]),
  );
  const untold = [...input.published.keys(), ...input.elsewhere.keys()].flatMap((name) => {
    const { event, isOurs, marks } = on(name);
    const used = slotInUse(on(name));
    const mayBeAhead = marks.some(isAhead) || (isUnheard(input) && !isOthersSince(on(name)));
    const isQuiet = event === undefined || used === undefined || !mayBeAhead;
    const isTaken = event !== undefined && used !== undefined && !isOurs && !used.synced;
    return violationOf(name, 'report', [
      [isQuiet || told.has(name), 'its subscriber is ahead of this server, or may be, which nobody is told'],
      [!isTaken || lost.has(name), 'another slot has its name, and is taken for it'],
    ]);
  });
  const unsaid = [...renamed].flatMap((name) =>
    violationOf(name, 'report', [[told.has(name), 'it is renamed, which nobody is told']]),
  );
  return [...counts, ...untold, ...unsaid];
}

/** Somebody may use a slot under that name, and it is not one that was made in place of another. */
function slotInUse({ name, here, input }: HandOffFacts): LocalLogicalSlot | undefined {
  return here?.type === 'logical' && !isInvalidated(here) && !wasLeft(name, input) ? here : undefined;
}

function checkOutcome(
  { slot, outcome }: SlotAhead,
  facts: HandOffFacts,
  { renamed, dropped }: { readonly renamed: ReadonlySet<SlotName>; readonly dropped: ReadonlySet<SlotName> },
): readonly Check[] {
  const { here, marks, input } = facts;
  const isToldBefore = input.earlier?.ahead.some((each) => each.slot === slot && each.outcome === outcome);
  // What was true then may be so no more, but nobody is led past anything by a slot that is not there.
  const isGone = isToldBefore === true && (slotInUse(facts) === undefined || dropped.has(slot));
  const isFenced =
    input.onDivergence === 'fence' && marks.filter(isAhead).every((mark) => isFencedFor(mark, input));
  return [
    [outcome !== 'fenced' || isFenced || isGone, 'no fence is known that reaches so far'],
    [
      outcome !== 'fenced' || input.isOpenEnded !== true || isGone,
      'its subscriber may have gone on elsewhere since',
    ],
    [outcome === 'fenced' ? !renamed.has(slot) : true, 'it is renamed although it is fenced'],
    [
      outcome !== 'unknown' ||
        (isUnheard(input) && !marks.some(isAhead)) ||
        (input.isOpenEnded === true && isFenced) ||
        isToldBefore === true,
      'it is known whether its subscriber is ahead',
    ],
    [
      outcome !== 'quarantined' ||
        renamed.has(slot) ||
        here === undefined ||
        isPlaceholder(here) ||
        isToldBefore === true,
      'it is said to be renamed, and is not',
    ],
  ];
}

/** Subscribers may have confirmed what no clean fence lies beyond, and nobody knows. */
function isUnheard({ unheard, passes, isOpenEnded }: HandOffInput): boolean {
  const reaches = (end: Lsn): boolean => passes.some(({ clean, reachedLsn }) => clean && reachedLsn >= end);
  return isOpenEnded === true || (unheard !== undefined && !reaches(unheard.reach));
}

/** It was made after the promotion, and not by slotcast: that it needs no older WAL does not tell, as it leaves that behind when it is used. */
function isOthersSince({ name, here, owned, input }: HandOffFacts): boolean {
  const isNotSeen = input.before !== undefined && !input.before.some((slot) => slot.name === name);
  const isMadeAgain = owned?.remaking === true;
  return isMadeAfter(here ?? {}, input) && (owned === undefined || (isNotSeen && !isMadeAgain));
}

function countOf(entries: readonly { readonly slot: SlotName }[]): ReadonlyMap<SlotName, number> {
  const counts = new Map<SlotName, number>();
  entries.forEach(({ slot }) => counts.set(slot, (counts.get(slot) ?? 0) + 1));
  return counts;
}

/** The plan without any step of the slots that break a rule, which are reported as unsafe or lost. All others go on. */
export function withoutWrongSteps(plan: HandOffPlan, violations: readonly HandOffViolation[]): HandOffPlan {
  if (violations.length === 0) {
    return plan;
  }
  const wrong = new Map(violations.map((violation) => [violation.slot, violation]));
  const kept = <Entry extends { readonly slot: SlotName }>(entries: readonly Entry[]): readonly Entry[] =>
    entries.filter(({ slot }) => !wrong.has(slot));
  const told = new Set(plan.ahead.map(({ slot }) => slot));
  return {
    advances: kept(plan.advances),
    restores: kept(plan.restores),
    quarantines: kept(plan.quarantines),
    placeholders: kept(plan.placeholders),
    creations: plan.creations.filter((slot) => !wrong.has(slot)),
    drops: kept(plan.drops),
    twoPhases: kept(plan.twoPhases),
    failovers: kept(plan.failovers),
    physicalMoves: kept(plan.physicalMoves),
    readersAhead: plan.readersAhead,
    ahead: plan.ahead.map((entry) =>
      wrong.has(entry.slot) ? { ...entry, outcome: 'unsafe' as const } : entry,
    ),
    lost: [
      ...kept(plan.lost),
      ...[...wrong.values()]
        .filter(({ slot }) => !told.has(slot))
        .map(({ slot, step, reason: fault }) => ({
          slot,
          reasons: [reason('invariant_on_promotion', { step, fault })],
        })),
    ],
  };
}
