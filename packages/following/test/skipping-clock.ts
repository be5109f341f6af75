import { type Clock, systemClock } from '@slotcast/kernel';

/** A clock that can be set forward. */
export class SkippingClock implements Clock {
  #skippedMs = 0;
  now = (): number => systemClock.now() + this.#skippedMs;
  monotonicMs = (): number => systemClock.monotonicMs() + this.#skippedMs;
  sleep = (ms: number, signal: AbortSignal): Promise<void> => systemClock.sleep(ms, signal);

  skip(ms: number): void {
    this.#skippedMs += ms;
  }
}
