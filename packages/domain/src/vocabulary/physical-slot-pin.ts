import type { Lsn } from './lsn.ts';
import type { SlotName } from './slot-name.ts';
import { isInvalidated, type SlotState } from './slot-state.ts';

/** A physical slot on a node: where its own standbys hold back vacuum. */
export interface PhysicalSlotPin {
  readonly name: SlotName;
  readonly catalogXmin?: number | undefined;
  /** A standby streams through it. */
  readonly active?: boolean | undefined;
  /** It was invalidated, and holds nothing back. */
  readonly invalidated?: boolean | undefined;
  /** WAL up to here was reported as received by the standby that streams through it. */
  readonly restartLsn?: Lsn | undefined;
}

/** The physical ones among the slots of a server, as its node tells the others. */
export function physicalSlotPins(slots: readonly SlotState[]): PhysicalSlotPin[] {
  return slots
    .filter(({ type }) => type === 'physical')
    .map((slot) => ({
      name: slot.name,
      catalogXmin: slot.catalogXmin,
      active: slot.active,
      invalidated: isInvalidated(slot),
      restartLsn: slot.restartLsn,
    }));
}
