import type { PlanPolicy, PreparedPromotion, SlotName } from '@slotcast/domain';
import type { EventLog } from '@slotcast/event-log';
import { type Clock, SlotcastError } from '@slotcast/runtime';
import { type AdoptedSlot, Adoption } from './adoption.ts';
import { Preparation } from './preparation.ts';
import type { StandbySession } from './standby-session.ts';

/** What a consumer can be asked for while it runs. */
export interface ConsumerControl {
  /** Drains the topic once more and judges a promotion of this standby. Rejects with a SlotcastError. */
  prepare(timeoutMs: number): Promise<PreparedPromotion>;
  /** Makes a slot that slotcast did not make its own. Rejects with a SlotcastError. */
  adopt(slot: SlotName): Promise<AdoptedSlot>;
}

interface SessionControlOptions {
  readonly node: string;
  readonly slotsTopic: string;
  readonly policy: PlanPolicy;
  readonly log: EventLog;
  readonly clock: Clock;
}

/** Hands requests to the session that follows the topics now. */
export class SessionControl implements ConsumerControl {
  readonly #options: SessionControlOptions;
  readonly #isAsleep: () => boolean;
  #session: StandbySession | undefined;

  constructor(options: SessionControlOptions, isAsleep: () => boolean) {
    this.#options = options;
    this.#isAsleep = isAsleep;
  }

  /** Directs requests to this session, or to none. */
  follow(session: StandbySession | undefined): void {
    this.#session = session;
  }

  async prepare(timeoutMs: number): Promise<PreparedPromotion> {
    const session = this.#sessionNow();
    const end = await this.#options.log.endOffset(this.#options.slotsTopic);
    const preparation = new Preparation({ ...this.#options, ...session.parts, end, timeoutMs });
    session.ask(preparation);
    return preparation.result;
  }

  async adopt(slot: SlotName): Promise<AdoptedSlot> {
    const session = this.#sessionNow();
    const { clock } = this.#options;
    const adoption = new Adoption({ slot, ...session.parts, clock });
    session.ask(adoption);
    return adoption.result;
  }

  #sessionNow(): StandbySession {
    if (this.#session !== undefined) {
      return this.#session;
    }
    throw this.#isAsleep()
      ? new SlotcastError('SC_NOT_A_STANDBY', `the server of node ${this.#options.node} is a primary`)
      : new SlotcastError(
          'SC_NOT_FOLLOWING',
          `the consumer of node ${this.#options.node} is not following yet`,
        );
  }
}
