import {
  assertPlan,
  formatLsn,
  lsn,
  type Plan,
  type PlanInput,
  type SlotName,
  type Violation,
  withoutViolations,
} from '@slotcast/domain';
import type { Logger } from '@slotcast/kernel';
import type { ConsumerMetrics } from '@slotcast/observability';

/** Has every plan checked before a step of it is taken. What breaks a rule is not done, and is told when it arises. */
export class PlanCheck {
  readonly #metrics: ConsumerMetrics;
  readonly #logger: Logger;
  #known = new Map<SlotName, string>();

  constructor(options: { metrics: ConsumerMetrics; logger: Logger }) {
    this.#metrics = options.metrics;
    this.#logger = options.logger;
  }

  /** The plan with those steps only that break no rule. */
  pass(plan: Plan, input: PlanInput): Plan {
    const violations = assertPlan(plan, input);
    const before = this.#known;
    if (violations.length + before.size === 0) {
      return plan;
    }
    this.#known = new Map(violations.map(({ slot, reason }) => [slot, reason]));
    for (const violation of violations) {
      if (before.get(violation.slot) !== violation.reason) {
        this.#metrics.invariantViolationsTotal.inc();
        this.#logger.error(
          { ...violation, facts: factsOf(violation, plan, input) },
          'a step was about to break a rule by which no data is lost, and is not taken: report it, it is a fault of slotcast',
        );
      }
    }
    return withoutViolations(plan, violations);
  }
}

/** What it takes to find the fault, as text. */
function factsOf({ slot }: Violation, plan: Plan, input: PlanInput): string {
  const facts = {
    verdict: plan.verdicts.find((entry) => entry.slot === slot),
    here: input.local.find(({ name }) => name === slot),
    owned: input.ownership.get(slot),
    event: input.desired.get(slot),
    furthest: input.furthest.get(slot),
    replayLsn: input.replayLsn,
  };
  return JSON.stringify(facts, (_, value: unknown) =>
    typeof value === 'bigint' ? formatLsn(lsn(value)) : value,
  );
}
