import { formatLsn, type Lsn } from '../vocabulary/lsn.ts';
import type { UnreadableSlot } from '../vocabulary/node-status.ts';
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
  const judged = slots.map((slot) => ({ slot, reason: findImplausible(slot, insertLsn) }));
  return {
    plausible: judged.flatMap(({ slot, reason }) => (reason === undefined ? [slot] : [])),
    implausible: judged.flatMap(({ slot, reason }) =>
      reason === undefined ? [] : [{ slot: slot.name, reason }],
    ),
  };
}

function findImplausible(slot: SlotState, insertLsn: Lsn): string | undefined {
  const limit = insertLsn + ROUNDING_BYTES;
  const positions = [
    ['confirmed_flush_lsn', slot.confirmedFlushLsn],
    ['restart_lsn', slot.restartLsn],
  ] as const;
  for (const [column, position] of positions) {
    if (position !== undefined && position > limit) {
      return `its ${column} ${formatLsn(position)} is far beyond the end of WAL: a client has confirmed what this server never had. Drop the slot, and let its consumer start over`;
    }
  }
  return undefined;
}
