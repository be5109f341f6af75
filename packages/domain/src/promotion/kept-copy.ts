import { isUpTo } from '../following/plan-facts.ts';
import { databaseOf, sameDatabase } from '../vocabulary/slot-database.ts';
import { isInvalidated, isLogical, type SlotState } from '../vocabulary/slot-state.ts';
import type { Quarantine } from './quarantine-step.ts';

/**
 * True when what stands under the name of a copy may be the copy that an earlier attempt made: all that the slot would deliver, it delivers as well. The name alone tells nothing: the slot may have been quarantined at an
 * earlier promotion, and that copy may have been used or have lost its WAL since; or a person has taken the name.
 */
export function isKeptCopy(
  found: SlotState | undefined,
  { database, plugin, seen }: Pick<Quarantine, 'database' | 'plugin' | 'seen'>,
): boolean {
  return (
    isLogical(found) &&
    !isInvalidated(found) &&
    !found.active &&
    found.plugin === plugin &&
    sameDatabase(databaseOf(found), database) &&
    isUpTo(found.restartLsn, seen.restartLsn) &&
    isUpTo(found.confirmedFlushLsn, seen.confirmedFlushLsn)
  );
}
