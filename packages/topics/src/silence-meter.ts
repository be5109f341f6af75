import { type SilenceClocks, silentMs, type Written } from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';

/** By what silence is measured, whichever of the two topics tells of it. */
export class SilenceMeter {
  readonly #clock: Clock;
  #newestAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes note of when a record was stored. */
  stored(writtenAt: number): void {
    this.#newestAt = Math.max(this.#newestAt, writtenAt);
  }

  get clocks(): SilenceClocks {
    return { monotonicMs: this.#clock.monotonicMs(), wallMs: this.#clock.now(), newestAt: this.#newestAt };
  }

  /** Milliseconds since it was heard of. */
  since(heard: Written<unknown> | undefined): number {
    return silentMs(heard, this.clocks);
  }
}
