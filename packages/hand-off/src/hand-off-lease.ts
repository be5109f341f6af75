import { HAND_OFF_LEASE_MS } from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';

/** What shows that nobody has taken over, for a time in which that needs no Kafka. */
export interface FirstProof {
  /** Until then, by the monotonic clock, whoever takes over has to end it first. */
  readonly untilMs: number;
  readonly holds: () => Promise<boolean>;
}

/** A broker that answers later than a proof counts, again and again, shows nothing. */
const MOST_PROOFS = 5;

/** Sees to it that of two processes that hand the same slots over, as of one that was frozen and its successor, one alone begins a step. */
export class HandOffLease {
  readonly #prove: () => Promise<void>;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #onStep: () => void;
  #first: FirstProof | undefined;
  #heldUntilMs = Number.NEGATIVE_INFINITY;
  #proving: Promise<void> | undefined;

  constructor(options: {
    /** Commits something as the node. Rejects when another process writes as the node by now. */
    readonly prove: () => Promise<void>;
    readonly clock: Pick<Clock, 'monotonicMs'>;
    /** Called before each step: those before it have come to their end. */
    readonly onStep: () => void;
    /** Goes before, as long as it holds; once it does not, it never counts again. */
    readonly first?: FirstProof | undefined;
  }) {
    this.#prove = options.prove;
    this.#clock = options.clock;
    this.#onStep = options.onStep;
    this.#first = options.first;
  }

  /** To be awaited right before each step that changes a slot. Rejects when another process has taken over, or when that cannot be told. */
  async assertHeld(): Promise<void> {
    this.#onStep();
    // Also after a proof, as this process may have been frozen over its answer.
    for (let left = MOST_PROOFS; this.#clock.monotonicMs() >= this.#heldUntilMs; left -= 1) {
      if (left === 0) {
        throw new Error(
          `cannot show that no other process hands the slots over: Kafka took longer than ${HAND_OFF_LEASE_MS} ms for each of ${MOST_PROOFS} commits`,
        );
      }
      this.#proving ??= this.#renew();
      try {
        await this.#proving;
      } finally {
        this.#proving = undefined;
      }
    }
  }

  async #renew(): Promise<void> {
    const asked = this.#clock.monotonicMs();
    if (this.#first !== undefined && !(asked < this.#first.untilMs && (await this.#first.holds()))) {
      this.#first = undefined;
    }
    if (this.#first === undefined) {
      await this.#prove();
    }
    this.#heldUntilMs = asked + HAND_OFF_LEASE_MS;
  }
}
