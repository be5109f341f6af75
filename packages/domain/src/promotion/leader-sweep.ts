import { leaderFor } from '../following/restart-leader.ts';
import { type Lsn, laterLsn, minLsn } from '../vocabulary/lsn.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import type { Promotion } from '../vocabulary/promotion-record.ts';
import { databaseOf, type SlotDatabase } from '../vocabulary/slot-database.ts';
import { type Incarnation, sameIncarnation } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import {
  isLogical,
  type LocalLogicalSlot,
  type LocalSlot,
  type LogicalSlotState,
  type SlotState,
} from '../vocabulary/slot-state.ts';
import { copyAmong } from './quarantine-name.ts';

export interface SlotRestore {
  readonly slot: SlotName;
  readonly leader: SlotName;
  readonly database: SlotDatabase;
  readonly plugin: string;
}

/** A slot of the promoted server that was being made anew as a copy of a leading one, and may have got lost over that. */
export interface RemakingSlot {
  readonly slot: SlotName;
  /** As it was published last. */
  readonly state: LogicalSlotState;
  readonly owned: Ownership;
  /** The furthest that its subscriber was ever seen to have confirmed, by the events. */
  readonly furthest: Lsn | undefined;
}

export interface LeaderSweep {
  /** What is still to be made from leading slots, each of which stays for that. */
  readonly restores: readonly SlotRestore[];
  /** Leading slots that nothing can be made from any more: they hold back WAL and vacuum. */
  readonly idle: readonly LocalSlot[];
}

/** What is to be done with the leading slots of a promoted server, whoever asks. */
export function planLeaderSweep(input: {
  readonly remaking: readonly RemakingSlot[];
  /** The names of all slots that are there. */
  readonly here: ReadonlySet<string>;
  readonly leaders: readonly LocalSlot[];
  readonly switchLsn: Lsn;
}): LeaderSweep {
  const restores = input.remaking.flatMap((slot): SlotRestore[] => {
    const leader = leaderOfMissing(slot, input);
    return leader === undefined ? [] : [restoreFrom(leader, slot)];
  });
  const needed = new Set(restores.map(({ leader }) => leader));
  return { restores, idle: input.leaders.filter(({ name }) => !needed.has(name)) };
}

export function restoreFrom(
  leader: LocalLogicalSlot,
  { slot, state }: Pick<RemakingSlot, 'slot' | 'state'>,
): SlotRestore {
  return { slot, leader: leader.name, database: databaseOf(leader), plugin: state.plugin };
}

/** The leading slot to make a slot from, when it is missing. One that was renamed is not, and a leading slot that was moved since the promotion serves no more. */
export function leaderOfMissing(
  { slot, ...missing }: RemakingSlot,
  {
    here,
    leaders,
    switchLsn,
  }: {
    readonly here: { has(name: SlotName): boolean };
    readonly leaders: readonly LocalSlot[];
    readonly switchLsn: Lsn;
  },
): LocalLogicalSlot | undefined {
  const ofThisLine = leaders.filter(({ confirmedFlushLsn }) => (confirmedFlushLsn ?? 0n) <= switchLsn);
  return here.has(slot) || copyAmong(slot, here) !== undefined ? undefined : leaderFor(ofThisLine, missing);
}

/** The ownership of a slot that is missing for now, with what has to outlive the events: it is not asked for the events any more. */
export function keptOwnership({ owned, furthest }: RemakingSlot, switchLsn: Lsn): Ownership {
  const shared = furthest === undefined ? undefined : minLsn(furthest, switchLsn);
  return { ...owned, highestLsn: laterLsn(owned.highestLsn, shared) };
}

/**
 * What a publisher has left to do of the hand-off on record: slots that were published last before its tenure, and of which the record says that they are
 * lost, though not that they must not be used. How far a subscriber was is known by the ownership that was kept.
 */
export function remakingAfter(
  promotion: Promotion | undefined,
  known: {
    readonly published: ReadonlyMap<
      SlotName,
      { readonly state: SlotState; readonly incarnation: Incarnation }
    >;
    readonly ownership: ReadonlyMap<SlotName, Ownership>;
    readonly lineage: string;
  },
): readonly RemakingSlot[] {
  // One of which it is not known whether it is ahead stays in use like any other.
  const unsafe = new Set(
    promotion?.ahead
      .filter(({ outcome }) => outcome !== 'fenced' && outcome !== 'unknown')
      .map(({ slot }) => slot),
  );
  return (promotion?.lost ?? []).flatMap(({ slot }): RemakingSlot[] => {
    const event = known.published.get(slot);
    const owned = known.ownership.get(slot);
    const state = event?.state;
    const isOurs =
      event !== undefined &&
      owned?.remaking === true &&
      owned.lineage === known.lineage &&
      sameIncarnation(owned.incarnation, event.incarnation);
    return isOurs && isLogical(state) && !unsafe.has(slot)
      ? [{ slot, state, owned, furthest: undefined }]
      : [];
  });
}
