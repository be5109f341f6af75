import type { PhysicalSlotPin } from './node-status.ts';
import { isInvalidated, type SlotState } from './slot-state.ts';

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
