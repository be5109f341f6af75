import { reason, reasonText } from '../reasons/reason.ts';
import { isCanary } from '../vocabulary/canary-slot.ts';
import { type Lsn, laterLsn, maxLsn, minLsn } from '../vocabulary/lsn.ts';
import type { Ownership, UnreadableSlot } from '../vocabulary/node-status.ts';
import { isPlaceholder } from '../vocabulary/placeholder.ts';
import type { AheadOutcome, Promotion, SlotAhead, SlotLost } from '../vocabulary/promotion-record.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { isOwnedAs } from '../vocabulary/slot-continuity.ts';
import { databaseOf, type SlotDatabase } from '../vocabulary/slot-database.ts';
import { plausiblyConfirmed, type SlotEvent } from '../vocabulary/slot-event.ts';
import { isOwnWorkingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import {
  isInvalidated,
  isLogical,
  type LocalLogicalSlot,
  type LocalSlot,
  type LogicalSlotState,
  type SlotState,
} from '../vocabulary/slot-state.ts';
import type { TimelineHistory } from '../vocabulary/timeline-history.ts';
import { type ContestedTimelines, leftOf } from './contested-timeline.ts';
import { leaderOfMissing, type RemakingSlot, restoreFrom, type SlotRestore } from './leader-sweep.ts';
import { type PropertyStep, withoutFailover, withoutTwoPhase } from './lost-properties.ts';
import { type PhysicalMove, planPhysicalHandOff, type ReaderAhead } from './physical-hand-off.ts';
import { copyAmong } from './quarantine-name.ts';
import { type Quarantine, quarantineAtPromotion, type SeenPlace } from './quarantine-step.ts';
import { soundTwoPhase } from './sound-two-phase.ts';
import { findStray, type StrayCopy } from './stray-copy.ts';
import {
  type DivergencePolicy,
  type EarlierFences,
  type FencePass,
  isFenced,
  isFencedSince,
} from './wal-fence.ts';

const AHEAD = 'its subscriber has confirmed WAL that this server never had';

/** Everything that the hand-off of a promoted server's slots depends on. */
export interface HandOffInput {
  /** The newest event of each slot on the line of descent that was left at `switchLsn`; those beyond it count, too. */
  readonly published: ReadonlyMap<SlotName, SlotEvent>;
  /** Of the incarnations that `published` is about: the furthest that their subscribers were ever seen to have confirmed. */
  readonly furthest: ReadonlyMap<SlotName, Lsn>;
  /** The newest event of each slot whose newest event lies on another branch. */
  readonly elsewhere: ReadonlyMap<SlotName, SlotEvent>;
  /** Those of them that the primary before did not have either, so that nothing is lost where they are not here. */
  readonly orphaned?: ReadonlySet<SlotName> | undefined;
  /** Of the newest manifest, wherever it lies: it tells where the branch of such an event parted from this line. */
  readonly newestHistory?: TimelineHistory | undefined;
  readonly contested?: ContestedTimelines | undefined;
  /** Slots of the promoted server. */
  readonly local: readonly LocalSlot[];
  /** Leading slots of the promoted server, from which slots were made anew while it was a standby. */
  readonly leaders?: readonly LocalSlot[] | undefined;
  /** Slots of the promoted server whose rows cannot be right. */
  readonly unreadable?: readonly UnreadableSlot[] | undefined;
  /** The same at the last look while it was in recovery; absent when nobody looked then. */
  readonly before: readonly LocalSlot[] | undefined;
  readonly ownership: ReadonlyMap<SlotName, Ownership>;
  readonly lineage: string | undefined;
  readonly wanted: (slot: SlotState) => boolean;
  readonly history: TimelineHistory;
  /** Where this server left the timeline before. */
  readonly switchLsn: Lsn;
  readonly passes: readonly FencePass[];
  /** Up to where subscribers may have confirmed after the publisher was heard of last; absent when that is not known, or the fence is still to be widened. */
  readonly unheard?: { readonly reach: Lsn } | undefined;
  /** Nothing bounds what subscribers may have confirmed elsewhere, so that no fence does. */
  readonly isOpenEnded?: boolean | undefined;
  readonly earlierFences: EarlierFences;
  readonly onDivergence: DivergencePolicy;
  /** Why a slot was not ready before the promotion, as the consumer last wrote. */
  readonly reasons: ReadonlyMap<SlotName, readonly Reason[]>;
  /** What an earlier hand-off of this promotion has done. */
  readonly earlier?: Promotion | undefined;
}

/** What is to be done with the slots of a promoted server, and what has to be reported. */
export interface HandOffPlan {
  readonly advances: readonly {
    readonly slot: SlotName;
    readonly database: SlotDatabase;
    readonly plugin: string;
    readonly target: Lsn;
    /** The server itself may hold it up where it takes decoding: a slot with `failover` waits for `synchronized_standby_slots`. */
    readonly mayWait: boolean;
  }[];
  /** Slots that are missing since they were to be made anew, to be copied from a leading slot. */
  readonly restores: readonly SlotRestore[];
  readonly quarantines: readonly Quarantine[];
  /** Names of quarantined slots that are free, as somebody or a crash came between: each gets its placeholder. */
  readonly placeholders: readonly { readonly slot: SlotName }[];
  /** Slots whose making may still be under way, and must come to nothing. */
  readonly creations: readonly SlotName[];
  readonly drops: readonly { readonly slot: SlotName; readonly reason: string; readonly seen: SeenPlace }[];
  /** Copies that were not `two_phase` again yet, and get that before they are moved: what was prepared beyond the place where they stand is not sent twice. */
  readonly twoPhases: readonly PropertyStep[];
  /** Slots whose property `failover` is to be set again (17+). */
  readonly failovers: readonly PropertyStep[];
  readonly physicalMoves: readonly PhysicalMove[];
  readonly readersAhead: readonly ReaderAhead[];
  readonly ahead: readonly SlotAhead[];
  readonly lost: readonly SlotLost[];
}

/**
 * Plans the hand-off after a promotion. Every step can be repeated: with the slots as they are afterwards, and `earlier` as it was
 * recorded, the plan has no steps left and reports the same. A slot that somebody made meanwhile under the name of one that was renamed,
 * dropped or lost is none of its business.
 */
export function planHandOff(given: HandOffInput): HandOffPlan {
  const local = lastingSlots(given.local);
  const before = given.before === undefined ? undefined : lastingSlots(given.before);
  const input = { ...given, ownership: new Map([...given.ownership, ...keptTwoPhase(given)]) };
  const unproven = [...local.values()].filter(
    (slot) =>
      // A physical slot is somebody's hold on WAL, and a synchronised one PostgreSQL's: neither is what was to be made under that name.
      isLogical(slot) &&
      !slot.synced &&
      input.ownership.get(slot.name)?.proven === false &&
      !isMadeSince(slot, input.switchLsn),
  );
  const left = new Set(namesLeftBefore(input.earlier));
  const useless = new Set([...unproven.map((slot) => slot.name), ...left]);
  const events = logicalEvents(input);
  const unreadable = new Map((input.unreadable ?? []).map((each) => [each.slot, each.reason]));
  const subjects = events
    .filter(({ slot }) => !unreadable.has(slot))
    .map((event) => subjectOf(input, event, { local, before }, useless));
  const ahead = subjects
    .filter(({ stray }) => stray === undefined)
    .flatMap((subject) => judgeAhead(input, subject, local));
  const quarantined = new Set(
    ahead.filter(({ outcome }) => outcome === 'quarantined').map(({ slot }) => slot),
  );
  const kept = subjects.filter(({ name }) => !quarantined.has(name));
  return {
    advances: kept.flatMap(advanceOf),
    restores: subjects.flatMap(({ restore }) => (restore === undefined ? [] : [restore])),
    quarantines: subjects.flatMap(({ name, here, stray }) =>
      stray?.quarantine !== undefined
        ? [quarantineAtPromotion(stray.quarantine, reasonText(stray.reasons), input)]
        : quarantined.has(name) && here !== undefined
          ? [quarantineAtPromotion(here, AHEAD, input)]
          : [],
    ),
    placeholders: subjects
      .filter(({ name, stray, isOpen }) => isOpen && (stray !== undefined || quarantined.has(name)))
      .filter(({ name }) => !left.has(name))
      .map(({ name }) => ({ slot: name })),
    creations: [...input.ownership].flatMap(([name, { proven }]) => (proven ? [] : [name])),
    drops: unproven.map((seen) => ({
      slot: seen.name,
      seen,
      reason: 'it has two_phase, and was not known to be safe yet when the server was promoted',
    })),
    twoPhases: withoutTwoPhase(kept.filter(({ here }) => !isMadeSince(here ?? {}, input.switchLsn))),
    failovers: withoutFailover(kept),
    ...planPhysicalHandOff(input),
    ahead,
    lost: [
      ...kept.flatMap((subject) => judgeLost(input, subject)),
      // Nothing can be said of what stands here: it is left as it is, and whoever uses it has to know.
      ...events.flatMap(({ slot }) => {
        const why = unreadable.get(slot);
        return why === undefined ? [] : [{ slot, reasons: [why] }];
      }),
    ],
  };
}

/** The ownership of copies that count as safe at a promotion, though they were not known to be. */
export function keptTwoPhase(input: HandOffInput): ReadonlyMap<SlotName, Ownership> {
  const { local, before, ownership, lineage } = input;
  const slots = { local: lastingSlots(local), before: before && lastingSlots(before) };
  return soundTwoPhase(logicalEvents(input), ownership, { ...slots, lineage });
}

function lastingSlots(slots: readonly LocalSlot[]): ReadonlyMap<SlotName, LocalSlot> {
  return new Map(slots.filter((slot) => !slot.temporary).map((slot) => [slot.name, slot]));
}

interface Subject {
  readonly name: SlotName;
  readonly event: SlotEvent;
  readonly state: LogicalSlotState;
  /** The slot under its real name, unless it is of no use; as it will be, when it is copied from a leading one first. */
  readonly here: LocalLogicalSlot | undefined;
  readonly restore: SlotRestore | undefined;
  /** True when the slot here is slotcast's, and of the incarnation that the event is about. */
  readonly owned: boolean;
  /** True when it is the slot that was published: owned, or kept by PostgreSQL's own slot synchronisation; and not only one of the same name. */
  readonly isPublished: boolean;
  /** Somebody made the slot here since the promotion: it needs nothing from before. One of slotcast's that is used may have left all WAL from before behind as well. */
  readonly isMadeHere: boolean;
  /** The slot here is slotcast's, but does not stand where slotcast put it. */
  readonly stray: StrayCopy | undefined;
  /** Its name is free, though a quarantine of it was begun. */
  readonly isOpen: boolean;
  readonly marks: readonly ConfirmedMark[];
}

/** What the subscriber of a slot had confirmed, and where this server left that WAL. */
interface ConfirmedMark {
  readonly confirmed: Lsn;
  readonly leftLsn: Lsn;
}

type LogicalEvent = SlotEvent & { readonly state: LogicalSlotState };

/** Without the canary: nothing is read from it that could be missed, and its next publisher moves it to the present. */
function logicalEvents(input: HandOffInput): LogicalEvent[] {
  const events = new Map([...input.elsewhere, ...input.published]);
  return [...events.values()].flatMap((event) => {
    const { state } = event;
    const lives = event.op !== 'drop' && !isOwnWorkingSlot(event.slot);
    return lives && isLogical(state) && !isCanary(state) ? [{ ...event, state }] : [];
  });
}

function subjectOf(
  input: HandOffInput,
  event: LogicalEvent,
  slots: Parameters<typeof findStray>[1],
  useless: ReadonlySet<SlotName>,
): Subject {
  const slot = slots.local.get(event.slot);
  const usable = isLogical(slot) && !isInvalidated(slot) && !useless.has(slot.name);
  const ownership = input.ownership.get(event.slot);
  const isMadeHere = slot !== undefined && isNewcomer(slot, slots.before, ownership, input.switchLsn);
  const owned = ownership !== undefined && isOwned(input, event, ownership) && !isMadeHere;
  const marks = marksOf(input, event.slot);
  const shared = marks.map(({ confirmed, leftLsn }) => minLsn(confirmed, leftLsn));
  const { switchLsn, leaders = [] } = input;
  const known = { furthest: input.furthest.get(event.slot), marks: shared, switchLsn };
  const stray =
    owned && ownership !== undefined
      ? findStray(event.slot, slots, { ...known, owned: ownership })
      : undefined;
  const remaking = owned && ownership !== undefined ? remakingSlot(input, event, ownership) : undefined;
  const leader = remaking && leaderOfMissing(remaking, { here: slots.local, leaders, switchLsn });
  const restore = leader && restoreFrom(leader, event);
  const restored = leader && { ...leader, name: event.slot, plugin: event.state.plugin };
  const here = usable && stray === undefined ? slot : restored;
  const isPublished = owned || (here?.synced === true && !isMadeHere);
  const isOpen = slot === undefined && wasBegun(input, event.slot, slots.local);
  const isNew = isMadeHere || (ownership === undefined && here !== undefined && isMadeSince(here, switchLsn));
  const about = { name: event.slot, event, state: event.state, marks, isMadeHere: isNew };
  return { ...about, here, restore, owned, isPublished, stray, isOpen };
}

/** A hand-off that came to nothing left the copy, or one of this promotion tells that it could not keep the name taken. */
function wasBegun(
  { earlier }: HandOffInput,
  name: SlotName,
  local: Parameters<typeof findStray>[1]['local'],
): boolean {
  const failed = earlier?.ahead.some(({ slot, outcome }) => slot === name && outcome === 'unsafe');
  return copyAmong(name, local) !== undefined || failed === true;
}

/** Somebody made it after the promotion: it was not here in recovery, and was not to be made again from a leading slot. */
function isNewcomer(
  slot: LocalSlot,
  before: ReadonlyMap<SlotName, LocalSlot> | undefined,
  ownership: Ownership | undefined,
  switchLsn: Lsn,
): boolean {
  const wasThere = before?.has(slot.name) !== false || ownership?.remaking === true;
  return !wasThere && isMadeSince(slot, switchLsn);
}

function remakingSlot(
  { furthest }: HandOffInput,
  { slot, state }: LogicalEvent,
  owned: Ownership,
): RemakingSlot {
  return { slot, state, owned, furthest: furthest.get(slot) };
}

/** Slots that may have got lost as they were made anew. */
export function remakingSlots(input: HandOffInput): readonly RemakingSlot[] {
  return logicalEvents(input).flatMap((event) => {
    const owned = input.ownership.get(event.slot);
    return owned !== undefined && isOwned(input, event, owned) ? [remakingSlot(input, event, owned)] : [];
  });
}

function isOwned({ lineage }: HandOffInput, { incarnation }: SlotEvent, owned: Ownership): boolean {
  return isOwnedAs(owned, incarnation, lineage);
}

function marksOf(input: HandOffInput, name: SlotName): ConfirmedMark[] {
  return [input.published.get(name) ?? [], input.elsewhere.get(name) ?? []].flat().flatMap((event) => {
    const confirmed = plausiblyConfirmed(event);
    return confirmed === undefined ? [] : [{ confirmed, leftLsn: leftOf(event, input) }];
  });
}

/** A slot that was made on the new timeline needs no WAL from before. */
function isMadeSince({ restartLsn }: Pick<LocalSlot, 'restartLsn'>, switchLsn: Lsn): boolean {
  return restartLsn !== undefined && restartLsn > switchLsn;
}

/** Slots that were not here any more when this hand-off was done before. */
function namesLeftBefore(earlier: Promotion | undefined): SlotName[] {
  const quarantined = earlier?.ahead.filter(({ outcome }) => outcome === 'quarantined') ?? [];
  return [...quarantined, ...(earlier?.lost ?? [])].map(({ slot }) => slot);
}

function judgeAhead(
  input: HandOffInput,
  subject: Subject,
  local: ReadonlyMap<SlotName, LocalSlot>,
): SlotAhead[] {
  const { name, here, owned, isOpen } = subject;
  const marks = subject.marks.filter(({ confirmed, leftLsn }) => confirmed > leftLsn);
  const [first] = marks;
  if (first === undefined) {
    return judgeUnheard(input, subject);
  }
  const confirmedFlushLsn = marks.map(({ confirmed }) => confirmed).reduce(maxLsn, first.confirmed);
  const earlier = input.earlier?.ahead.find(({ slot }) => slot === name);
  // One that stands on the new timeline is in use already, or was made anew: renaming it would help nobody.
  const isOurs = owned && (here === undefined || !isMadeSince(here, input.switchLsn));
  const known = outcomeOf(input, marks, isOurs);
  const outcome = known === 'fenced' && input.isOpenEnded === true ? 'unknown' : known;
  if (here === undefined) {
    // By a hand-off that came to nothing before it was recorded.
    const isBegun = outcome === 'quarantined' && (isOpen || isPlaceholder(local.get(name)));
    const told = isBegun ? { slot: name, confirmedFlushLsn, outcome } : earlier;
    return told === undefined ? [] : [told];
  }
  return [{ slot: name, confirmedFlushLsn, outcome }];
}

/** A subscriber may have gone on after the publisher was heard of last, and be ahead as well, unless the fence lies beyond all that it can have confirmed. */
function judgeUnheard(input: HandOffInput, { name, here, marks, isMadeHere }: Subject): SlotAhead[] {
  const told = input.earlier?.ahead.find(({ slot, outcome }) => slot === name && outcome === 'unknown');
  const { unheard, passes, isOpenEnded = false } = input;
  const isBounded = unheard === undefined || isFenced(unheard.reach, passes);
  if (here === undefined || isMadeHere || (isBounded && !isOpenEnded)) {
    return unheard === undefined && told !== undefined ? [told] : [];
  }
  const confirmed = marks.map((mark) => mark.confirmed).reduce<Lsn | undefined>(laterLsn, undefined);
  const confirmedFlushLsn = confirmed ?? here.confirmedFlushLsn ?? input.switchLsn;
  return [{ slot: name, confirmedFlushLsn, outcome: 'unknown' }];
}

function outcomeOf(input: HandOffInput, marks: readonly ConfirmedMark[], owned: boolean): AheadOutcome {
  const { history, passes, earlierFences: earlier } = input;
  const isSafe = marks.every((mark) => isFencedSince(mark, history, { passes, earlier }));
  if (input.onDivergence === 'fence' && isSafe) {
    return 'fenced';
  }
  return owned ? 'quarantined' : 'unsafe';
}

/** Up to what its subscriber had confirmed, as far as this server has that WAL; never backwards. */
function advanceOf({ name, here, owned, marks }: Subject): HandOffPlan['advances'] {
  if (here?.confirmedFlushLsn === undefined || !owned) {
    return [];
  }
  const shared = marks.map(({ confirmed, leftLsn }) => minLsn(confirmed, leftLsn));
  const target = shared.reduce(maxLsn, here.confirmedFlushLsn);
  if (target === here.confirmedFlushLsn) {
    return [];
  }
  const { plugin, failover } = here;
  return [{ slot: name, database: databaseOf(here), plugin, target, mayWait: failover }];
}

function judgeLost(input: HandOffInput, subject: Subject): SlotLost[] {
  const { name, state, here, stray, event, isPublished } = subject;
  const earlier = input.earlier?.lost.find(({ slot }) => slot === name)?.reasons;
  const isOther = here !== undefined && !isPublished;
  const isWanted = !isInvalidated(state) && input.wanted(state) && input.orphaned?.has(name) !== true;
  const isMissing = here === undefined && (isWanted || earlier !== undefined);
  if (stray === undefined && !isOther && !isMissing) {
    return [];
  }
  const published = event.lsn;
  if (isOther) {
    return [{ slot: name, reasons: stray?.reasons ?? [reason('other_slot_here', { published })] }];
  }
  const told = earlier ?? stray?.reasons ?? input.reasons.get(name) ?? [];
  return [{ slot: name, reasons: told.length === 0 ? [reason('no_slot_here', { published })] : told }];
}
