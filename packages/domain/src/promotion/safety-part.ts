import type { HandOffPlan } from './hand-off-plan.ts';

/**
 * The part of a hand-off that must not wait for Kafka, nor for any one service: what keeps subscribers from slots that would lead them past rows. All else spares
 * them repeated changes, and is as good later.
 */
export function safetyPart(plan: HandOffPlan): HandOffPlan {
  const gone = new Set([...plan.quarantines, ...plan.drops].map(({ slot }) => slot));
  return {
    ...plan,
    advances: [],
    restores: [],
    failovers: [],
    lost: plan.lost.filter(({ slot }) => gone.has(slot)),
  };
}
