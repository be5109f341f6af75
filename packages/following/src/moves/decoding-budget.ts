import {
  type AdvanceBudget,
  type DecodingCost,
  decodedMs,
  freshBudget,
  noteDecoding,
  spend,
  unknownCost,
  untilAffordable,
} from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';

/** The share of a core that decoding may take on this server, and what was used of it. */
export class DecodingBudget {
  readonly duty: number;
  readonly #clock: Clock;
  #cost: DecodingCost = unknownCost;
  #budget: AdvanceBudget = freshBudget;
  #spentMs = 0;

  constructor(duty: number, clock: Clock) {
    this.duty = duty;
    this.#clock = clock;
  }

  get cost(): DecodingCost {
    return this.#cost;
  }

  /** What was counted so far, in milliseconds of a core. */
  get spentMs(): number {
    return this.#spentMs;
  }

  /** Milliseconds until something may be done again; 0 when it may now. */
  waitMs(): number {
    return untilAffordable(this.#budget, this.#clock.monotonicMs());
  }

  /** Does what decodes so much WAL, and counts what it costs: by the WAL, as the time that it takes says more about a busy machine. */
  async decode<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const started = this.#clock.monotonicMs();
    try {
      const result = await work();
      this.#cost = noteDecoding(this.#cost, { bytes, tookMs: this.#clock.monotonicMs() - started });
      return result;
    } finally {
      const tookMs = this.#clock.monotonicMs() - started;
      this.used(decodedMs(this.#cost, { bytes, tookMs }));
    }
  }

  /** Counts work of so many milliseconds of a core, which has just ended. */
  used(spentMs: number): void {
    this.#spentMs += spentMs;
    this.#budget = spend(this.#budget, { now: this.#clock.monotonicMs(), spentMs, duty: this.duty });
  }
}
