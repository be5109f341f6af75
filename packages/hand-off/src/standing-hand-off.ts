import { HAND_OFF_DRAIN_MS } from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';
import type { FencedAnswer } from '@slotcast/observability';
import type { SeenServer } from './recovery-guard.ts';

/** A primary, told by its start: it leaves recovery once at most until it is started anew. */
interface Handed {
  /** Milliseconds since 1970. */
  readonly serverStartedAt: number;
}

/**
 * Whether the fence and the hand-off of this node's server stand, for who lets writers in. A commit that comes before the fence may be missed by a subscriber that is ahead, and
 * the drain of the topic may show that the fence has to go further. So the record is waited for, or for so long as the topic may answer: without Kafka writers are let in as well.
 */
export class StandingHandOff {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #recorded: Handed | undefined;
  #here: (Handed & { readonly atMs: number }) | undefined;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** The hand-off of this primary is on record, or none is needed. */
  recorded({ serverStartedAt }: Handed): void {
    this.#recorded = { serverStartedAt };
  }

  /** What can be done without Kafka is done, by what was known. The first time counts: it may be told of again. */
  doneHere({ serverStartedAt }: Handed): void {
    if (this.#here?.serverStartedAt === serverStartedAt) {
      return;
    }
    this.#here = { serverStartedAt, atMs: this.#clock.monotonicMs() };
  }

  judge(server: SeenServer | undefined): FencedAnswer {
    if (server === undefined) {
      return { fenced: false, reason: 'the server of this node is not reached' };
    }
    if (server.inRecovery) {
      return { fenced: false, reason: 'the server of this node is a standby' };
    }
    if (this.#recorded?.serverStartedAt === server.serverStartedAt) {
      return { fenced: true, reason: 'this primary is handed over, or had not to be' };
    }
    if (this.#here?.serverStartedAt !== server.serverStartedAt) {
      return { fenced: false, reason: 'it is not known yet that this primary was handed over' };
    }
    return this.#clock.monotonicMs() - this.#here.atMs >= HAND_OFF_DRAIN_MS
      ? { fenced: true, reason: 'this primary is handed over by all that is known without Kafka' }
      : { fenced: false, reason: 'the slots topic is being drained, which may raise the fence' };
  }
}
