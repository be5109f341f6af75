import type { Lsn } from '../vocabulary/lsn.ts';
import { confirmedWithin } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { ConfirmationRhythm } from './confirmation-rhythm.ts';
import { keptAlive } from './plan-alive.ts';
import type { PlanInput, Subject } from './plan-input.ts';
import { sameValue } from './same-value.ts';
import { findLimit, lacksWal } from './slot-limits.ts';
import type { SlotVerdict } from './slot-verdict.ts';

/** A slot that was ready and needed no step, with all that its verdict was made of. */
export interface RestingSlot {
  readonly subject: Subject;
  readonly furthest: Lsn | undefined;
  readonly rhythm: ConfirmationRhythm | undefined;
  readonly verdict: SlotVerdict;
}

/** What a plan leaves to the next one: most of hundreds of slots are as they were, and so is what there is to say of them. */
export interface RestingSlots {
  readonly input: PlanInput;
  /** All names that the plan was about, in order. */
  readonly names: readonly SlotName[];
  readonly slots: ReadonlyMap<SlotName, RestingSlot>;
}

/**
 * What is compared slot by slot, or judged anew for each, below. Everything else that a plan depends on, and whatever will be added to it, has to
 * be as it was, or no verdict is kept.
 */
const comparedBySlot: ReadonlySet<string> = new Set<keyof PlanInput>([
  'desired',
  'furthest',
  'waiting',
  'local',
  'unreadable',
  'ownership',
  'held',
  'unproven',
  'rhythms',
  'manifest',
  'replayLsn',
  'endOfWal',
  'limits',
  'heartbeatAgeMs',
  'now',
  'prepared',
  'oldestTransaction',
]);

const none: ReadonlyMap<SlotName, RestingSlot> = new Map();

/** The slots that may still be at rest: none when anything changed that is not of one slot. */
export function mayStillRest(
  before: RestingSlots | undefined,
  input: PlanInput,
): ReadonlyMap<SlotName, RestingSlot> {
  if (before === undefined || before.input.manifest.lineage !== input.manifest.lineage) {
    return none;
  }
  return sameValue(ofAllSlots(before.input), ofAllSlots(input)) ? before.slots : none;
}

function ofAllSlots(input: PlanInput): object {
  return Object.fromEntries(Object.entries(input).filter(([key]) => !comparedBySlot.has(key)));
}

/** True when the verdict on the slot is what it was. */
export function isStillAtRest(resting: RestingSlot, input: PlanInput, subject: Subject): boolean {
  const { name, event, local, owned, listed } = subject;
  const before = resting.subject;
  return (
    before.event === event &&
    before.local === local &&
    before.owned === owned &&
    before.listed === listed &&
    resting.furthest === input.furthest.get(name) &&
    resting.rhythm === input.rhythms.get(name) &&
    isUndisturbed(input, subject, resting.verdict)
  );
}

/** The slot with its verdict, when that stays as long as nothing changes; `undefined` when time or replay alone may change it. */
export function asResting(input: PlanInput, subject: Subject, verdict: SlotVerdict): RestingSlot | undefined {
  const { name, event, local, owned, listed } = subject;
  const goal = event === undefined ? undefined : confirmedWithin(event);
  const here = local?.confirmedFlushLsn;
  const rests =
    verdict.state === 'ready' &&
    verdict.reasons.length === 0 &&
    verdict.action === undefined &&
    listed &&
    owned?.proven === true &&
    goal !== undefined &&
    here !== undefined &&
    goal <= here &&
    isUndisturbed(input, subject, verdict);
  return rests
    ? { subject, furthest: input.furthest.get(name), rhythm: input.rhythms.get(name), verdict }
    : undefined;
}

/** What passes by itself or comes with time: events that wait, holds, a silent publisher, limits of WAL and of idleness. */
function isUndisturbed(input: PlanInput, subject: Subject, verdict: SlotVerdict): boolean {
  const { name, local } = subject;
  return (
    local !== undefined &&
    !input.waiting.has(name) &&
    !input.held.has(name) &&
    !input.unproven.has(name) &&
    input.heartbeatAgeMs <= input.policy.limits.heartbeatStaleMs &&
    !lacksWal(local, input.limits) &&
    findLimit(local, input.limits, input.endOfWal) === undefined &&
    keptAlive(input, subject, verdict) === verdict
  );
}
