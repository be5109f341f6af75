import {
  type HandOffPlan,
  isLogical,
  reason,
  type SlotLost,
  type SlotName,
  type SlotState,
} from '@slotcast/domain';
import type { FailedSlots } from './slot-mover.ts';

/** Slots that got lost as they were made anew, and could not be made again. */
export function notRestored({ restores }: HandOffPlan, failed: FailedSlots): SlotLost[] {
  return restores
    .filter(({ slot }) => failed.has(slot))
    .map(({ slot, leader }) => ({ slot, reasons: [reason('not_restored', { leader })] }));
}

/** Slots that were to be two_phase again, and stand here without: whoever uses one gets again at its commit what it has prepared already. */
export function notTwoPhase(plan: HandOffPlan | undefined, after: readonly SlotState[]): SlotLost[] {
  const plain = plainSlots(after);
  return (plan?.twoPhases ?? [])
    .filter(({ slot }) => plain.has(slot))
    .map(({ slot }) => ({ slot, reasons: [reason('not_two_phase')] }));
}

/** The logical slots without two_phase. */
export function plainSlots(slots: readonly SlotState[]): ReadonlySet<SlotName> {
  return new Set(slots.filter((slot) => isLogical(slot) && !slot.twoPhase).map(({ name }) => name));
}
