import { CANARY_PLUGIN, CANARY_SLOT, isCanary } from '../vocabulary/canary-slot.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import { databaseOf, type SlotDatabase, sameDatabase } from '../vocabulary/slot-database.ts';
import { matchesFilters, type SlotFilters } from '../vocabulary/slot-filter.ts';
import { isInvalidated, isLogical, type LogicalSlotState, type SlotState } from '../vocabulary/slot-state.ts';

/** A change of the canary that has come through its slot on the primary. */
export interface CanaryBeat {
  /** Position of the commit record. */
  readonly commitLsn: Lsn;
  /** Milliseconds since 1970, by the clock of the publisher that wrote it. */
  readonly writtenAt: number;
}

/** What is to be done about the slot of the canary's name on the primary. */
export type CanarySlotVerdict =
  | { readonly kind: 'missing' | 'usable' | 'lost' }
  /** Somebody else's; it is left alone. */
  | { readonly kind: 'foreign'; readonly reason: string };

/**
 * True when a standby is to have the slot: what the filters say, but the canary always, as somebody switched it on to measure every
 * standby, whatever slots that one keeps. Empty filters mean no slot at all, the canary's included: so slotcast is removed from a node.
 */
export function wantsSlot(filters: SlotFilters, slot: SlotState): boolean {
  const none = filters.include.length === 0;
  return isCanary(slot) ? !none : matchesFilters(filters, slot);
}

/** Tells the canary's own slot in `database` from one that only has its name. */
export function judgeCanarySlot(slots: readonly SlotState[], database: SlotDatabase): CanarySlotVerdict {
  const slot = slots.find(({ name }) => name === CANARY_SLOT);
  if (slot === undefined) {
    return { kind: 'missing' };
  }
  const differences = isLogical(slot) ? differencesOf(slot, database) : ['is a physical slot'];
  if (differences.length > 0) {
    const reason = `the slot ${CANARY_SLOT} ${differences.join(' and ')}, so it is not the canary's and is left alone`;
    return { kind: 'foreign', reason };
  }
  return { kind: isInvalidated(slot) ? 'lost' : 'usable' };
}

function differencesOf(slot: LogicalSlotState, database: SlotDatabase): readonly string[] {
  return [
    ...(slot.plugin === CANARY_PLUGIN ? [] : [`has the plugin ${slot.plugin} instead of ${CANARY_PLUGIN}`]),
    ...(sameDatabase(databaseOf(slot), database)
      ? []
      : [`belongs to database ${slot.database}, not to ${database.name}`]),
    ...(slot.twoPhase ? ['decodes prepared transactions'] : []),
  ];
}

/** What a message of the canary carries. */
export function canaryText(writtenAt: number): string {
  return JSON.stringify({ time: writtenAt });
}

/** The time in a message of the canary; `undefined` when something else wrote it, as everybody may use the prefix. */
export function readCanaryText(text: string): number | undefined {
  const match = /^\{"time":([0-9]{1,15})\}$/.exec(text);
  return match === null ? undefined : Number(match[1]);
}

/**
 * The slots with the canary's time, if its slot stands past one of the beats. A confirmed position lies between records: past the beginning
 * of a commit record, it is past the whole transaction. The same array where there is no canary.
 */
export function markCanary(slots: readonly SlotState[], beats: readonly CanaryBeat[]): readonly SlotState[] {
  if (!slots.some(isCanary)) {
    return slots;
  }
  return slots.map((slot) => {
    if (!isCanary(slot)) {
      return slot;
    }
    const { confirmedFlushLsn } = slot;
    const newest = beats.findLast(
      (beat) => confirmedFlushLsn !== undefined && beat.commitLsn < confirmedFlushLsn,
    );
    return newest === undefined ? slot : { ...slot, canaryTime: newest.writtenAt };
  });
}
