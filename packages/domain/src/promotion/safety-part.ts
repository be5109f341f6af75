import type { Promotion, SlotLost } from '../vocabulary/promotion-record.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { isLogical, type LocalSlot } from '../vocabulary/slot-state.ts';
import type { HandOffInput, HandOffPlan } from './hand-off-plan.ts';

/**
 * The part of a hand-off that must not wait for Kafka, nor for any one service: what keeps subscribers from slots that would lead them past rows, and what is to be told of slots
 * that are in their reach. All else spares them repeated changes, and is as good later. `local`: the slots of the server.
 */
export function safetyPart(plan: HandOffPlan, local: readonly LocalSlot[]): HandOffPlan {
  const told = new Set([...putOutOfReach(plan), ...logicalNames(local)]);
  return {
    ...plan,
    advances: [],
    restores: [],
    failovers: [],
    physicalMoves: [],
    lost: plan.lost.filter(({ slot }) => told.has(slot)),
  };
}

/**
 * The losses that the hand-off need not judge again: of slots that were put out of reach. What still stands here was left as it is by what was known without the topics. `last`: the last round; `failed`:
 * whose step came to nothing in it.
 */
export function settledLosses(
  { lost }: Promotion,
  last: { readonly input: HandOffInput; readonly plan: HandOffPlan } | undefined,
  failed: ReadonlyMap<SlotName, unknown>,
): readonly SlotLost[] {
  const gone = new Set(last && putOutOfReach(last.plan));
  const here = new Set(last && logicalNames(last.input.local));
  return lost.filter(({ slot }) => !failed.has(slot) && (gone.has(slot) || !here.has(slot)));
}

function putOutOfReach({ quarantines, drops }: HandOffPlan): readonly SlotName[] {
  return [...quarantines, ...drops].map(({ slot }) => slot);
}

function logicalNames(local: readonly LocalSlot[]): readonly SlotName[] {
  return local.filter((slot) => isLogical(slot)).map(({ name }) => name);
}
