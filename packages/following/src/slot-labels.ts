import type { SlotName, SlotType } from '@slotcast/domain';

/** The labels by which a metric tells its slots apart. */
export function labelsOf(
  slot: SlotName,
  type: SlotType = 'logical',
): { slot_name: string; slot_type: SlotType } {
  return { slot_name: slot, slot_type: type };
}
