/** How much of its time the consumer has spent in advances, as the moment from which it may spend more. */
export interface AdvanceBudget {
  /** Monotonic milliseconds. */
  readonly notBefore: number;
}

export const freshBudget: AdvanceBudget = { notBefore: 0 };

/** Time that a burst may borrow before the consumer has to pause. */
const CREDIT_MS = 20;

/**
 * The budget after a round of advances that took `spentMs` and ended at `now`: the pause that makes the round the share `duty` of
 * the time. Short rounds with pauses between them never wait, so a few slots follow at once, and thousands do not load the standby.
 */
export function spend(
  budget: AdvanceBudget,
  round: { now: number; spentMs: number; duty: number },
): AdvanceBudget {
  const startedAt = round.now - round.spentMs;
  return { notBefore: Math.max(budget.notBefore, startedAt - CREDIT_MS) + round.spentMs / round.duty };
}

/** Milliseconds until the next round may start; 0 when it may start now. */
export function untilAffordable(budget: AdvanceBudget, now: number): number {
  return Math.max(0, budget.notBefore - now);
}
