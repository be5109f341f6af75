import {
  type RoleEvent,
  type RoleHalf,
  type RoleState,
  RoleViolation,
  startRole,
  stepRole,
} from '@slotcast/domain';
import type { Logger } from '@slotcast/kernel';
import type { ConsumerMetrics } from '@slotcast/observability';

/** Tells what happens to a process, as far as its role is concerned. */
export type ReportRole = (event: RoleEvent) => void;

/**
 * Follows the role of this process through the table of transitions. What the table lacks is reported, and stops nothing: the
 * services decide by what they see, not by this.
 */
export class RoleTracker {
  readonly #metrics: Pick<ConsumerMetrics, 'nodePhase' | 'roleViolationsTotal'>;
  readonly #logger: Logger;
  readonly #onTurn: () => void;
  #state: RoleState;

  constructor(
    half: RoleHalf,
    options: {
      readonly metrics: Pick<ConsumerMetrics, 'nodePhase' | 'roleViolationsTotal'>;
      readonly logger: Logger;
      /** Called before each turn: what took it is alive. */
      readonly onTurn: () => void;
    },
  ) {
    this.#metrics = options.metrics;
    this.#logger = options.logger;
    this.#onTurn = options.onTurn;
    this.#state = startRole(half);
    this.#show();
  }

  readonly report: ReportRole = (event) => {
    this.#onTurn();
    const { phase: from } = this.#state;
    try {
      this.#state = stepRole(this.#state, event);
    } catch (error) {
      if (!(error instanceof RoleViolation)) {
        throw error;
      }
      this.#metrics.roleViolationsTotal.inc();
      this.#logger.error(
        { role_violation: error.message, from, event },
        'the role of this node changed in a way that it never should',
      );
      return;
    }
    const { phase: to } = this.#state;
    if (from !== to) {
      this.#show();
      this.#logger.debug({ from, event, to }, 'the role of this node changed');
    }
  };

  #show(): void {
    this.#metrics.nodePhase.enter(this.#state.phase);
  }
}
