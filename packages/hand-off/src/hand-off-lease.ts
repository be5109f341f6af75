import { HAND_OFF_LEASE_MS } from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';

/** Sees to it that of two processes that hand the same slots over, as of one that was frozen and its successor, one alone begins a step. */
export class HandOffLease {
  readonly #prove: () => Promise<void>;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #heldUntilMs: number;
  #proving: Promise<void> | undefined;

  constructor(options: {
    /** Commits something as the node. Rejects when another process writes as the node by now. */
    readonly prove: () => Promise<void>;
    readonly clock: Pick<Clock, 'monotonicMs'>;
    /** Until then, by the monotonic clock, nobody else can have taken over. */
    readonly heldUntilMs: number;
  }) {
    this.#prove = options.prove;
    this.#clock = options.clock;
    this.#heldUntilMs = options.heldUntilMs;
  }

  /** To be awaited right before each step that changes a slot. Rejects when another process has taken over, or when that cannot be told. */
  async assertHeld(): Promise<void> {
    if (this.#clock.monotonicMs() < this.#heldUntilMs) {
      return;
    }
    this.#proving ??= this.#renew();
    try {
      await this.#proving;
    } finally {
      this.#proving = undefined;
    }
  }

  async #renew(): Promise<void> {
    const asked = this.#clock.monotonicMs();
    await this.#prove();
    this.#heldUntilMs = asked + HAND_OFF_LEASE_MS;
  }
}
