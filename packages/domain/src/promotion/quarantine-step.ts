import { databaseOf, type SlotDatabase } from '../vocabulary/slot-database.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { LocalSlot, LogicalSlotState } from '../vocabulary/slot-state.ts';
import { quarantineName } from './quarantine-name.ts';

/** Where a slot stands that is to be dropped: one that was moved or made anew meanwhile is somebody else's. */
export type SeenPlace = Pick<LocalSlot, 'restartLsn' | 'confirmedFlushLsn'>;

/** A slot to be put out of reach: copied to `copy`, then dropped, with a placeholder under its name at the same moment. */
export interface Quarantine {
  readonly slot: SlotName;
  readonly copy: SlotName;
  readonly database: SlotDatabase;
  readonly plugin: string;
  /** Why it must not be used under its own name. */
  readonly reason: string;
  readonly seen: SeenPlace;
}

export function quarantineOf(slot: LogicalSlotState, reason: string): Quarantine {
  const { name, plugin } = slot;
  return { slot: name, copy: quarantineName(name), database: databaseOf(slot), plugin, reason, seen: slot };
}
