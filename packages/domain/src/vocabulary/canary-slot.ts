import { parseSlotName } from './slot-name.ts';
import type { SlotState } from './slot-state.ts';

/** The logical slot by which the publisher measures the whole chain; also the prefix of the messages that go through it. */
export const CANARY_SLOT = parseSlotName('slotcast_canary');
export const CANARY_PLUGIN = 'pgoutput';

/** True for the slot that a canary makes; a slot of its name with another plugin is somebody else's. */
export function isCanary(slot: SlotState): boolean {
  return slot.name === CANARY_SLOT && slot.type === 'logical' && slot.plugin === CANARY_PLUGIN;
}
