import { reason } from '../reasons/reason.ts';
import { type Lsn } from '../vocabulary/lsn.ts';
import type { UnreadableSlot } from '../vocabulary/node-status.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { ROUNDING_BYTES } from '../vocabulary/slot-event.ts';
import type { SlotState } from '../vocabulary/slot-state.ts';

/**
 * Parts the slots of a primary whose positions cannot be right from the others. The server takes whatever a client confirms, and both kinds
 * of slot move by it. `insertLsn`: the end of WAL, read after the slots.
 */
export function sortOutImplausible(
  slots: readonly SlotState[],
  insertLsn: Lsn,
): { readonly plausible: readonly SlotState[]; readonly implausible: readonly UnreadableSlot[] } {
  const limit = insertLsn + ROUNDING_BYTES;
  const reasons = new Map(
    slots.flatMap((slot) => {
      const why = findImplausible(slot, limit);
      return why === undefined ? [] : [[slot, why] as const];
    }),
  );
  if (reasons.size === 0) {
    return { plausible: slots, implausible: [] };
  }
  return {
    plausible: slots.filter((slot) => !reasons.has(slot)),
    implausible: [...reasons].map(([slot, why]) => ({ slot: slot.name, reason: why })),
  };
}

function findImplausible({ confirmedFlushLsn, restartLsn }: SlotState, limit: bigint): Reason | undefined {
  if (confirmedFlushLsn !== undefined && confirmedFlushLsn > limit) {
    return reason('beyond_wal', { column: 'confirmed_flush_lsn', position: confirmedFlushLsn });
  }
  return restartLsn !== undefined && restartLsn > limit
    ? reason('beyond_wal', { column: 'restart_lsn', position: restartLsn })
    : undefined;
}
