import type { SlotName } from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';

/** Slots that are left alone for a while. */
export class SlotRests {
  readonly #clock: Clock;
  readonly #until = new Map<SlotName, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One that rests longer already goes on doing so. */
  rest(slots: readonly SlotName[], ms: number): void {
    const until = this.#clock.monotonicMs() + ms;
    slots.forEach((slot) => this.#until.set(slot, Math.max(until, this.#until.get(slot) ?? 0)));
  }

  get resting(): ReadonlySet<SlotName> {
    const now = this.#clock.monotonicMs();
    for (const [slot, until] of this.#until) {
      if (until <= now) {
        this.#until.delete(slot);
      }
    }
    return new Set(this.#until.keys());
  }
}
