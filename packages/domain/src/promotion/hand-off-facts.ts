import { isUpTo } from '../following/plan-facts.ts';
import { isCanary } from '../vocabulary/canary-slot.ts';
import { type Lsn, minLsn } from '../vocabulary/lsn.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import { type SlotEvent, sameIncarnation } from '../vocabulary/slot-event.ts';
import { isOwnWorkingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated, isLogical, type LocalSlot } from '../vocabulary/slot-state.ts';
import { leftWhenPromoted } from '../vocabulary/timeline-history.ts';
import type { HandOffInput } from './hand-off-plan.ts';

/** Where a subscriber was, and where this server left the WAL that it had that from. */
export interface Mark {
  readonly confirmed: Lsn;
  readonly left: Lsn;
}

/** What the input of a hand-off says of one slot, put together by other code than the plan's. */
export interface HandOffFacts {
  readonly name: SlotName;
  readonly input: HandOffInput;
  /** The newest one of a slot that lives and is followed. */
  readonly event: SlotEvent | undefined;
  /** The lasting slot under that name. */
  readonly here: LocalSlot | undefined;
  readonly owned: Ownership | undefined;
  /** It is slotcast's, safe, and of the incarnation that was published last. */
  readonly isOurs: boolean;
  /** It was not known to be safe, but was made as a copy, and stands where that was made: at worst its subscriber sees an error. */
  readonly isSound: boolean;
  readonly marks: readonly Mark[];
}

export function handOffFacts(input: HandOffInput): (name: SlotName) => HandOffFacts {
  const local = new Map(input.local.filter((slot) => !slot.temporary).map((slot) => [slot.name, slot]));
  return (name) => {
    const events = [input.published.get(name), input.elsewhere.get(name)].filter(
      (event) => event !== undefined,
    );
    const event = events.find(isFollowed) === events[0] ? events[0] : undefined;
    const owned = input.ownership.get(name);
    const here = local.get(name);
    const isOfEvent =
      owned !== undefined &&
      owned.lineage === input.lineage &&
      event !== undefined &&
      sameIncarnation(owned.incarnation, event.incarnation);
    const isSound = isOfEvent && !owned.proven && isSoundTwoPhase({ here, owned, event, input });
    const isOurs = isOfEvent && (owned.proven || isSound);
    const marks = events.flatMap((each) => markOf(each, input));
    return { name, input, event, here, owned, isOurs, isSound, marks };
  };
}

function isSoundTwoPhase({
  here,
  owned,
  event,
  input,
}: {
  readonly here: LocalSlot | undefined;
  readonly owned: Ownership;
  readonly event: SlotEvent;
  readonly input: HandOffInput;
}): boolean {
  const stood = input.before?.find(({ name, temporary }) => name === here?.name && !temporary) ?? here;
  const isThere =
    owned.highestLsn !== undefined &&
    here?.confirmedFlushLsn !== undefined &&
    ((input.before === undefined && isLogical(here) && here.twoPhase) ||
      isUpTo(stood?.confirmedFlushLsn, owned.highestLsn));
  return (
    isThere &&
    isLogical(here) &&
    isLogical(event.state) &&
    event.state.twoPhase &&
    [here, event.state].every(({ plugin }) => plugin === 'pgoutput') &&
    here.databaseOid === event.state.databaseOid &&
    !here.synced &&
    !isInvalidated(here)
  );
}

function isFollowed({ op, state, slot }: SlotEvent): boolean {
  return op !== 'drop' && state?.type === 'logical' && !isOwnWorkingSlot(slot) && !isCanary(state);
}

/** A position beyond the WAL of the server that published it says nothing. */
function markOf(
  { op, state, lsn, timeline }: SlotEvent,
  { history, newestHistory, contested }: HandOffInput,
): Mark[] {
  const confirmed = op === 'drop' ? undefined : state?.confirmedFlushLsn;
  return confirmed === undefined || confirmed > lsn
    ? []
    : [{ confirmed, left: contested?.get(timeline) ?? leftWhenPromoted(history, timeline, newestHistory) }];
}

/** How far a slot may be moved for it: this server has the WAL up to there. */
export function sharedOf({ confirmed, left }: Mark): Lsn {
  return minLsn(confirmed, left);
}

export function isAhead({ confirmed, left }: Mark): boolean {
  return confirmed > left;
}

/** On each timeline since then nothing was committed before the position, or it began beyond it. */
export function isFencedFor({ confirmed, left }: Mark, input: HandOffInput): boolean {
  const { timeline, ancestors } = input.history;
  if (confirmed > left && !ancestors.some(({ switchLsn }) => switchLsn === left)) {
    return false;
  }
  return ancestors.every(({ switchLsn }, index) => {
    const began = ancestors[index + 1]?.timeline ?? timeline;
    if (switchLsn < left || switchLsn >= confirmed) {
      return true;
    }
    return began === timeline
      ? input.passes.some(({ clean, reachedLsn }) => clean && reachedLsn >= confirmed)
      : (input.earlierFences.get(began) ?? 0n) >= confirmed;
  });
}

/** It was made after the promotion, by somebody who knew of it. */
export function isMadeAfter(
  { restartLsn }: Pick<LocalSlot, 'restartLsn'>,
  { switchLsn }: HandOffInput,
): boolean {
  return restartLsn !== undefined && restartLsn > switchLsn;
}

/** An earlier hand-off recorded that the slot is lost or renamed: what stands under its name now is another one. */
export function wasLeft(name: SlotName, { earlier }: HandOffInput): boolean {
  return (
    earlier?.lost.some(({ slot }) => slot === name) === true ||
    earlier?.ahead.some(({ slot, outcome }) => slot === name && outcome === 'quarantined') === true
  );
}
