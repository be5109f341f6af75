import type { Lsn } from '../vocabulary/lsn.ts';
import type { SlotEvent } from '../vocabulary/slot-event.ts';
import { isInvalidated, type LogicalSlotState, type SlotState } from '../vocabulary/slot-state.ts';
import type { SlotChange } from './slot-diff.ts';

/** A longer snapshot is not carried, as it would go with every event of its slot. It has 4 bytes for each transaction that changed a catalog. */
export const MAX_SNAPSHOT_BYTES = 16 * 1024;

/** The primary has no state of decoding where the slot starts, as when it has not moved since it was made. */
export const NO_SNAPSHOT = new Uint8Array();

/** What files of the primary say of a slot, and no column does. */
export interface DecodingFiles {
  /** Content of `pg_logical/snapshots/<restart_lsn>.snap`; empty where the slot on the primary has none. Absent where that is not known. */
  readonly snapshot?: Uint8Array | undefined;
  /** Where decoding of prepared transactions began; from 18 on there is a column. */
  readonly twoPhaseAt?: Lsn | undefined;
}

/** A slot for which the server keeps such files. */
export type DecodableSlot = LogicalSlotState & { readonly restartLsn: Lsn };

/** The states of slots for which the server keeps files, of those that these changes publish. */
export function decodableSlots(changes: readonly SlotChange[]): readonly DecodableSlot[] {
  return changes.flatMap((change) => {
    const state = 'state' in change ? change.state : undefined;
    return state !== undefined && isDecodable(state) ? [state] : [];
  });
}

/** The event with what the files of its slot say. A drop says nothing of them. */
export function withDecodingFiles(event: SlotEvent, files: DecodingFiles | undefined): SlotEvent {
  const { state } = event;
  if (files === undefined || event.op === 'drop' || state?.type !== 'logical') {
    return event;
  }
  const { snapshot, twoPhaseAt = state.twoPhaseAt } = files;
  return { ...event, state: { ...state, twoPhaseAt }, ...(snapshot !== undefined && { snapshot }) };
}

function isDecodable(state: SlotState): state is DecodableSlot {
  return state.type === 'logical' && state.restartLsn !== undefined && !isInvalidated(state);
}
