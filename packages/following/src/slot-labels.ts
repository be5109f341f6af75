import type { SlotName } from '@slotcast/domain';

/** The labels by which a metric tells its slots apart. */
export function labelsOf(slot: SlotName): { slot_name: string; slot_type: string } {
  return { slot_name: slot, slot_type: 'logical' };
}
