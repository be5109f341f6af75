import { type HandOffPlan, reason, type SlotLost, type SlotName, type SlotState } from '@slotcast/domain';
import type { FailedSlots } from './slot-mover.ts';

/** Slots that got lost as they were made anew, and could not be made again. */
export function notRestored({ restores }: HandOffPlan, failed: FailedSlots): SlotLost[] {
  return restores
    .filter(({ slot }) => failed.has(slot))
    .map(({ slot, leader }) => ({ slot, reasons: [reason('not_restored', { leader })] }));
}

/** Slots that were to be two_phase again, and stand here without: whoever uses one gets again at its commit what it has prepared already. */
export function notTwoPhase(plan: HandOffPlan | undefined, after: readonly SlotState[]): SlotLost[] {
  const plain = new Set<SlotName>(
    after.flatMap((slot) => (slot.type === 'logical' && !slot.twoPhase ? [slot.name] : [])),
  );
  return (plan?.twoPhases ?? [])
    .filter(({ slot }) => plain.has(slot))
    .map(({ slot }) => ({ slot, reasons: [reason('not_two_phase')] }));
}
