import type { OpenTransaction } from '../vocabulary/open-transaction.ts';
import type { Promotion, SlotAhead } from '../vocabulary/promotion-record.ts';
import type { SlotEvent } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { isLogical } from '../vocabulary/slot-state.ts';

/** A subscriber that may hold transactions prepared which the promoted server never had, so that nobody will end them. */
export interface OrphanPrepared {
  readonly slot: SlotName;
  /** Those that were prepared on the primary before, by its last record, and are not here. There may be others, which were prepared after it. */
  readonly gids: readonly string[];
}

/**
 * Finds the subscribers that a lost `PREPARE TRANSACTION` may block without an error: those that were ahead, of slots with two_phase. What their transaction has locked stays locked, and an apply
 * worker waits for that.
 */
export function findOrphanPrepared(input: {
  readonly ahead: readonly SlotAhead[];
  /** The newest event of a slot. */
  readonly eventOf: (slot: SlotName) => SlotEvent | undefined;
  readonly before: readonly OpenTransaction[];
  readonly here: readonly OpenTransaction[];
}): readonly OrphanPrepared[] {
  const here = new Set(input.here.map(({ gid }) => gid));
  const gids = input.before.flatMap(({ gid }) => (gid === undefined || here.has(gid) ? [] : [gid]));
  return mayHoldPrepared(input).map((slot) => ({ slot, gids }));
}

/** Most of them that are put on record with a slot. */
const MOST_RECORDED = 20;

/** The record of the promotion with them. */
export function recordOrphans(promotion: Promotion, orphans: readonly OrphanPrepared[]): Promotion {
  const bySlot = new Map(orphans.map(({ slot, gids }) => [slot, gids.slice(0, MOST_RECORDED)]));
  const ahead = promotion.ahead.map((entry) => {
    const prepared = bySlot.get(entry.slot);
    return prepared === undefined ? entry : { ...entry, prepared };
  });
  return { ...promotion, ahead };
}

/** The slots that this is about; where there are none nothing has to be looked up. */
export function mayHoldPrepared({
  ahead,
  eventOf,
}: Pick<Parameters<typeof findOrphanPrepared>[0], 'ahead' | 'eventOf'>): readonly SlotName[] {
  return ahead
    .map(({ slot }) => slot)
    .filter((slot) => {
      const state = eventOf(slot)?.state;
      return isLogical(state) && state.twoPhase;
    });
}
