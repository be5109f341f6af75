import type { Clock, Logger } from '@slotcast/kernel';
import { readServerIdentity, readWalEnd } from '@slotcast/postgres';
import { tellAllUnknown } from './promotion-report.ts';
import type { OwnSlots } from './promotion-safety.ts';
import type { GuardSite } from './recovery-guard.ts';

/** So long Kafka has to tell whether the slots are handed over. */
const PATIENCE_MS = 3000;

/**
 * A promotion that no process of the node saw, as they were all dead. With Kafka it is handed over late; without, nobody can tell whether it has been, so that nothing is done to the
 * slots that the node had as a standby, by what is kept on disk: they are told of.
 */
export class UnseenPromotion {
  readonly #options: { readonly clock: Clock; readonly logger: Logger };
  #sinceMs: number | undefined;
  #isAnswered = false;
  #isSettled = false;

  constructor(options: { readonly clock: Clock; readonly logger: Logger }) {
    this.#options = options;
  }

  /** True when what is kept of the time as a standby is of no use any more: the slots are handed over, and that is on record. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** The server is followed as a standby. */
  begin(): void {
    this.#sinceMs = undefined;
    this.#isAnswered = false;
    this.#isSettled = false;
  }

  /** The topics have told what there is to do. */
  answered(): void {
    this.#isAnswered = true;
  }

  settled(): void {
    this.#isAnswered = true;
    this.#isSettled = true;
  }

  /** To be called with each look at a primary. `kept`: what the node had as a standby, where no process of it saw the promotion. */
  async look({ connection, signal }: GuardSite, kept: OwnSlots | undefined): Promise<void> {
    const { clock, logger } = this.#options;
    this.#sinceMs ??= clock.monotonicMs();
    if (this.#isAnswered || kept === undefined || clock.monotonicMs() - this.#sinceMs < PATIENCE_MS) {
      return;
    }
    const { systemIdentifier } = await readServerIdentity(connection, signal);
    const { timeline } = await readWalEnd(connection, signal);
    this.#isAnswered = true;
    if (systemIdentifier === kept.systemIdentifier && timeline > kept.history.timeline) {
      tellAllUnknown(kept.ownership.keys(), logger);
    }
  }
}
