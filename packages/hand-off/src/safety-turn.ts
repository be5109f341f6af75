import { HAND_OFF_LEASE_MS, SAFETY_PATIENCE_MS } from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';
import type { PostgresConnection } from '@slotcast/postgres';
import type { HandOffLease } from './hand-off-lease.ts';
import { NodeLock } from './node-lock.ts';

/** Between two looks whether it is the turn of this process. */
const LOOK_MS = 50;

export interface SafetyTurnOptions {
  /** Lasts as long as this process watches the server. */
  readonly connection: PostgresConnection;
  readonly names: { readonly cluster: string; readonly node: string };
  /** The lock of the node where a session of this process holds it. */
  readonly held: NodeLock | undefined;
  /** True when the hand-off of this process has done it. */
  readonly isOver: () => boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Settles on the server, without Kafka, which process of a node does what must not wait after a promotion: the one that has the lock of the node, or whichever gets it; and
 * any other one when the holder has not done it in time, as it may be frozen. Who has done it shows that by a lock as well: two processes have seen different
 * things, and the second would quarantine a slot because it does not know of the fence of the first.
 */
export class SafetyTurn {
  readonly #options: SafetyTurnOptions;
  readonly #lock: NodeLock;
  readonly #done: NodeLock;
  #checkedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: SafetyTurnOptions) {
    this.#options = options;
    this.#lock = new NodeLock(options.connection, options.names);
    this.#done = new NodeLock(options.connection, options.names, 'safe');
  }

  /** Resolves with false when another process has done it. */
  async await(): Promise<boolean> {
    const { held, clock, signal } = this.#options;
    const started = clock.monotonicMs();
    for (;;) {
      const mayAct = (await held?.isHeld(signal)) === true || (await this.#lock.tryTake(signal));
      if (await this.#done.isHeldElsewhere(signal)) {
        return false;
      }
      if (mayAct || clock.monotonicMs() - started >= SAFETY_PATIENCE_MS) {
        return true;
      }
      await clock.sleep(LOOK_MS, signal);
    }
  }

  /** Rejects before a step when it was done meanwhile, by the hand-off or by another process, as while this one was frozen. */
  readonly lease: Pick<HandOffLease, 'assertHeld'> = {
    assertHeld: async () => {
      const { isOver, clock, signal } = this.#options;
      while (clock.monotonicMs() - this.#checkedAtMs >= HAND_OFF_LEASE_MS) {
        const askedAtMs = clock.monotonicMs();
        if (await this.#done.isHeldElsewhere(signal)) {
          throw new Error('another process of this node has made the slots safe');
        }
        this.#checkedAtMs = askedAtMs;
      }
      if (isOver()) {
        throw new Error('the hand-off has made the slots safe');
      }
    },
  };

  /** Shows that it is done, as long as the connection lasts. */
  async done(): Promise<void> {
    await this.#done.tryTake(this.#options.signal);
  }

  /** Lets others have the lock of the node. */
  async end(): Promise<void> {
    await this.#lock.release(this.#options.signal);
  }
}
