import type { SlotName } from '@slotcast/domain';
import { classifyPostgresError, describePostgresError, isPostgresError } from '@slotcast/postgres';
import { backoffMs, type Clock, errorFields, errorText, type Logger, repeatLevel } from '@slotcast/runtime';

const BACKOFF = { initialMs: 500, maxMs: 30_000 } as const;

interface Failure {
  readonly count: number;
  readonly retryAt: number;
  readonly reason: string;
}

/** Back-off per slot: one bad slot stops only itself. */
export class SlotFailures {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #random: () => number;
  readonly #failures = new Map<SlotName, Failure>();

  constructor(clock: Clock, logger: Logger, random: () => number) {
    this.#clock = clock;
    this.#logger = logger;
    this.#random = random;
  }

  /** Slots that must be left alone for now, with the last error. */
  held(): Map<SlotName, string> {
    const now = this.#clock.monotonicMs();
    const held = [...this.#failures].filter(([, failure]) => failure.retryAt > now);
    return new Map(held.map(([slot, failure]) => [slot, failure.reason]));
  }

  /** When the first of them may be tried again, in monotonic milliseconds. */
  nextRetryAt(): number | undefined {
    const now = this.#clock.monotonicMs();
    const times = [...this.#failures.values()].map((failure) => failure.retryAt).filter((at) => at > now);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  failed(slot: SlotName, attempted: string, error: unknown): void {
    const count = (this.#failures.get(slot)?.count ?? 0) + 1;
    const retryInMs = backoffMs(count, BACKOFF, this.#random);
    const said = isPostgresError(error)
      ? `${describePostgresError(error)}; ${classifyPostgresError(error).remedy}`
      : errorText(error);
    const reason = `${attempted} failed: ${said}`;
    this.#failures.set(slot, { count, retryAt: this.#clock.monotonicMs() + retryInMs, reason });
    const fields = { ...errorFields(error, this.#logger), error: said, failures: count, retryInMs };
    this.#logger[repeatLevel(count)]({ slot, attempted, ...fields }, 'a slot failed');
  }

  succeeded(slot: SlotName): void {
    this.#failures.delete(slot);
  }
}
