import type { LocalPhysicalSlot, Ownership, PhysicalSlotState, SlotEvent } from '@slotcast/domain';
import { at, slotEvent } from '../event-examples.ts';
import { physicalSlot } from '../vocabulary-examples.ts';
import { live, type Situation } from './plan-situations.ts';

/** What was published of physical slot `r`, when all WAL up to 0/9000 was there. */
export function reader(
  restartLsn: number,
  over: Partial<PhysicalSlotState> = {},
  event: Partial<Omit<SlotEvent, 'state'>> = {},
): SlotEvent {
  const state = physicalSlot('r', { restartLsn: at(restartLsn), ...over });
  return { ...slotEvent('r', { seq: 1, lsn: 0x9000 }, event), state };
}

/** A physical slot here, that keeps WAL from there on. */
export function hold(restartLsn: number, over: Partial<LocalPhysicalSlot> = {}): LocalPhysicalSlot {
  const state = physicalSlot('r', { restartLsn: at(restartLsn), xmin: undefined, active: false });
  return { ...state, temporary: false, ...over };
}

export function owningPhysical(over: Partial<Ownership> = {}): Ownership {
  return { incarnation: { epoch: 1, seq: 1 }, lineage: 'first', proven: true, physical: true, ...over };
}

/** A standby whose filter selects physical slots, too. */
export function selecting(situation: Situation): Situation {
  const filter = { text: 'name_like:%,type:physical', confirmed: false };
  return { ...situation, policy: { wanted: () => true, filter, ...situation.policy } };
}

/** A copy at 0/2000, and its reader at 0/3000. */
export const behindReader = selecting({
  events: [reader(0x3000)],
  local: [hold(0x2000)],
  owned: { r: owningPhysical() },
});

/** A logical slot of the name that `reader` has. */
export const logicalInstead = live('r');
