import { type Lsn, minLsn } from '../vocabulary/lsn.ts';
import { isOwnedAs } from '../vocabulary/slot-continuity.ts';
import { physicallyNeeded } from '../vocabulary/slot-event.ts';
import { isOwnWorkingSlot, type SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated } from '../vocabulary/slot-state.ts';
import { leftOf } from './contested-timeline.ts';
import type { HandOffInput } from './hand-off-plan.ts';

/** A physical slot that may let go of WAL before `target`: its reader has confirmed that. */
export interface PhysicalMove {
  readonly slot: SlotName;
  readonly target: Lsn;
}

/** The reader of a physical slot has WAL that the promoted server never had: a standby among them cannot follow it as it is. */
export interface ReaderAhead {
  readonly slot: SlotName;
  readonly restartLsn: Lsn;
  /** Where this server left the WAL that the reader had that from. */
  readonly leftLsn: Lsn;
}

/**
 * What the hand-off does with copies of physical slots: it moves them to where their readers were seen last, as far as this server has that WAL. A fence is of no use to a
 * reader that is ahead: that one notices by itself, and needs `pg_rewind`.
 */
export function planPhysicalHandOff(input: HandOffInput): {
  readonly physicalMoves: readonly PhysicalMove[];
  readonly readersAhead: readonly ReaderAhead[];
} {
  const local = new Map(input.local.filter((slot) => !slot.temporary).map((slot) => [slot.name, slot]));
  const unreadable = new Set<string>((input.unreadable ?? []).map(({ slot }) => slot));
  const physicalMoves: PhysicalMove[] = [];
  const readersAhead: ReaderAhead[] = [];
  for (const event of new Map([...input.elsewhere, ...input.published]).values()) {
    const { slot, incarnation, state } = event;
    const needed = isOwnWorkingSlot(slot) || unreadable.has(slot) ? undefined : physicallyNeeded(event);
    const owned = input.ownership.get(slot);
    if (needed === undefined || state === undefined || isInvalidated(state)) {
      continue;
    }
    const leftLsn = leftOf(event, input);
    if (needed > leftLsn && input.wanted(state)) {
      readersAhead.push({ slot, restartLsn: needed, leftLsn });
    }
    const here = local.get(slot);
    const isOurs = owned?.physical === true && isOwnedAs(owned, incarnation, input.lineage);
    if (isOurs && here?.type === 'physical' && !here.active && here.restartLsn !== undefined) {
      const target = minLsn(needed, leftLsn);
      physicalMoves.push(...(target > here.restartLsn ? [{ slot, target }] : []));
    }
  }
  return { physicalMoves, readersAhead };
}
