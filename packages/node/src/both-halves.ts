import { errorFields, errorText, exitCodeOf, exitCodes, type Logger } from '@slotcast/kernel';
import type { FencedAnswer, HealthSource, NodeService, ReadinessCondition } from '@slotcast/observability';
import { isRefusedAsPrimary } from './rejoin.ts';

/** One half of a node, and the name under which its checks are shown. */
export interface Half {
  readonly name: 'publisher' | 'consumer';
  readonly make: () => NodeService;
  /** Resolves with true once what refused this half has gone by itself, and with false when it is for a person. */
  readonly untilFit: (refusal: unknown, signal: AbortSignal) => Promise<boolean>;
  readonly logger: Logger;
}

/**
 * Both halves of a node side by side in one process. A half that is refused for good, exit code 78, rests, and the other goes on: it may be
 * the one that keeps slots for a failover, and its guard is the one that raises the fence. `/readyz` says no and why meanwhile.
 */
export class BothHalves implements NodeService {
  readonly health: HealthSource;
  readonly #halves: readonly RunningHalf[];

  constructor(halves: readonly Half[]) {
    const running = halves.map((half) => new RunningHalf(half));
    this.#halves = running;
    this.health = {
      alive: () => running.every((half) => half.alive()),
      checks: () => running.flatMap((half) => half.checks()),
    };
  }

  /** Both halves share what they know of the promotion. A publisher may have found out that another server is the primary. */
  fenced(): FencedAnswer {
    const answers = this.#halves.map((half) => half.fenced());
    const [first = { fenced: false, reason: 'nothing runs here' }] = answers;
    return answers.find(({ fenced }) => !fenced) ?? first;
  }

  /**
   * Works until the signal is aborted. Rejects with the refusal of the first once both halves are refused for good, and with any other error of one half
   * after it has stopped the other.
   */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const running = this.#halves.map((half) => half.run(either));
    let refusals: readonly unknown[] = [];
    try {
      refusals = await Promise.all(running);
    } finally {
      stop.abort(new Error('the other half of this node has failed'));
      await Promise.allSettled(running);
    }
    if (!signal.aborted) {
      throw refusals[0];
    }
  }
}

class RunningHalf {
  readonly #half: Half;
  #service: NodeService;
  /** Why it rests. */
  #refusal: { readonly error: unknown } | undefined;

  constructor(half: Half) {
    this.#half = half;
    this.#service = half.make();
  }

  /** Resolves when it is stopped, or with the refusal after which it rests for good. */
  async run(signal: AbortSignal): Promise<unknown> {
    const { make, untilFit, logger } = this.#half;
    for (;;) {
      const refusal = await this.#untilRefused(signal);
      if (signal.aborted) {
        return undefined;
      }
      this.#refusal = { error: refusal };
      logger.error(errorFields(refusal, logger), 'this half of the node is refused, and rests');
      if (!(await untilFit(refusal, signal).catch((error: unknown) => unlessStopped(error, signal)))) {
        return refusal;
      }
      logger.info('what refused this half of the node has gone: it works again');
      this.#service = make();
      this.#refusal = undefined;
    }
  }

  /** Whether a half that works hangs; one that rests does not. */
  alive(): boolean {
    return this.#refusal !== undefined || this.#service.health.alive();
  }

  fenced(): FencedAnswer {
    const { name } = this.#half;
    return name === 'publisher' && this.#refusal !== undefined && isRefusedAsPrimary(this.#refusal.error)
      ? { fenced: false, reason: `the publisher is refused: ${errorText(this.#refusal.error)}` }
      : this.#service.fenced();
  }

  checks(): readonly ReadinessCondition[] {
    const { name } = this.#half;
    if (this.#refusal !== undefined) {
      return [{ name, ok: false, detail: `refused: ${errorText(this.#refusal.error)}` }];
    }
    return this.#service.health
      .checks()
      .map((check) => (check.name === name ? check : { ...check, name: `${name}.${check.name}` }));
  }

  async #untilRefused(signal: AbortSignal): Promise<unknown> {
    try {
      await this.#service.run(signal);
      return undefined;
    } catch (error) {
      if (exitCodeOf(error) !== exitCodes.precondition.code) {
        throw error;
      }
      return error;
    }
  }
}

function unlessStopped(error: unknown, signal: AbortSignal): false {
  if (signal.aborted) {
    return false;
  }
  throw error;
}
