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
  const limit = insertLsn + ROUNDING_BYTES;
  const beyond = slots.filter(
    ({ confirmedFlushLsn = 0n, restartLsn = 0n }) => confirmedFlushLsn > limit || restartLsn > limit,
  );
  if (beyond.length === 0) {
    return { plausible: slots, implausible: [] };
  }
  const implausible = new Set(beyond);
  return {
    plausible: slots.filter((slot) => !implausible.has(slot)),
    implausible: beyond.map((slot) => ({ slot: slot.name, reason: describeImplausible(slot, limit) })),
  };
}

function describeImplausible(slot: SlotState, limit: bigint): string {
  const { confirmedFlushLsn, restartLsn } = slot;
  const position = [confirmedFlushLsn, restartLsn].find((each) => each !== undefined && each > limit);
  const column = position === confirmedFlushLsn ? 'confirmed_flush_lsn' : 'restart_lsn';
  const where = position === undefined ? '' : ` ${formatLsn(position)}`;
  return `its ${column}${where} is far beyond the end of WAL: a client has confirmed what this server never had. Drop the slot, and let its consumer start over`;
}
