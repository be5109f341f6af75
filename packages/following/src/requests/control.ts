import {
  ADOPTION_MS,
  type PlanPolicy,
  type PreparedPromotion,
  type ProofOutcome,
  reason,
  type SlotName,
} from '@slotcast/domain';
import type { EventLog } from '@slotcast/event-log';
import { type Clock, Deadline, SlotcastError } from '@slotcast/kernel';
import type { StandbySession } from '../session/standby-session.ts';
import { type Late, within } from '../within.ts';
import { type AdoptedSlot, Adoption } from './adoption.ts';
import { Preparation } from './preparation.ts';

/** What a consumer can be asked for while it runs. Its caller's signal takes a request back. */
export interface ConsumerControl {
  /** Drains the topic once more and judges a promotion of this standby. Answers in time, or rejects with an error that says why not. */
  prepare(timeoutMs: number, signal: AbortSignal): Promise<PreparedPromotion>;
  /**
   * Proves copies, one after the other, by what the slots on the primary deliver: this one, or all. Answers in time: for those that the time did not suffice for
   * it says so.
   */
  verify(order: VerifyOrder, signal: AbortSignal): Promise<readonly ProofOutcome[]>;
  /** Makes a slot that slotcast did not make its own. */
  adopt(slot: SlotName, signal: AbortSignal): Promise<AdoptedSlot>;
}

export interface VerifyOrder {
  /** All slots that are slotcast's, without it. */
  readonly slot?: SlotName | undefined;
  /** So much WAL is compared for a slot at most. */
  readonly bytes: bigint;
  readonly timeoutMs: number;
}

interface SessionControlOptions {
  readonly node: string;
  readonly slotsTopic: string;
  readonly policy: PlanPolicy;
  readonly log: EventLog;
  readonly clock: Clock;
}

/** What the session may take longer than a preparation: one round in which it looks at the time. */
const ROUND_MS = 1000;

/** Hands requests to the session that follows the topics now. */
export class SessionControl implements ConsumerControl {
  readonly #options: SessionControlOptions;
  readonly #isAsleep: () => boolean;
  #session: StandbySession | undefined;
  #failure: unknown;

  constructor(options: SessionControlOptions, isAsleep: () => boolean) {
    this.#options = options;
    this.#isAsleep = isAsleep;
  }

  /** Directs requests to this session, or to none. */
  follow(session: StandbySession | undefined): void {
    this.#session = session;
  }

  /** Remembers why there is no session, which is what a request gets for an answer. */
  failed(error: unknown): void {
    this.#failure = error;
  }

  async prepare(timeoutMs: number, signal: AbortSignal): Promise<PreparedPromotion> {
    const { clock, log, slotsTopic } = this.#options;
    const session = this.#sessionNow();
    const started = clock.monotonicMs();
    const end = await within(log.endOffset(slotsTopic), timeoutMs, signal, {
      code: 'SC_KAFKA_UNREACHABLE',
      message: `Kafka did not say within ${timeoutMs} ms where topic ${slotsTopic} ends`,
    });
    const leftMs = Math.max(0, timeoutMs - (clock.monotonicMs() - started));
    const preparation = new Preparation({
      ...this.#options,
      ...session.parts,
      end,
      timeoutMs: leftMs,
      signal,
    });
    session.ask(preparation);
    return await within(preparation.result, leftMs + ROUND_MS, signal, this.#busy());
  }

  async adopt(slot: SlotName, signal: AbortSignal): Promise<AdoptedSlot> {
    const session = this.#sessionNow();
    const { clock, policy } = this.#options;
    const adoption = new Adoption({ slot, policy, ...session.parts, clock, signal });
    session.ask(adoption);
    return await within(adoption.result, ADOPTION_MS, signal, this.#busy());
  }

  async verify(
    { slot, bytes, timeoutMs }: VerifyOrder,
    signal: AbortSignal,
  ): Promise<readonly ProofOutcome[]> {
    const { proofs } = this.#sessionNow().parts;
    const outcomes: ProofOutcome[] = [];
    using deadline = new Deadline(signal, timeoutMs);
    for (const name of slot === undefined ? proofs.candidates : [slot]) {
      try {
        outcomes.push(await deadline.race(proofs.prove({ slot: name, bytes }, deadline.signal)));
      } catch (error) {
        if (!deadline.expired) {
          throw error;
        }
        outcomes.push({ slot: name, result: 'unknown', reasons: [reason('proof_no_time')] });
      }
    }
    return outcomes;
  }

  #sessionNow(): StandbySession {
    if (this.#session !== undefined) {
      return this.#session;
    }
    const { node } = this.#options;
    if (this.#isAsleep()) {
      throw new SlotcastError('SC_NOT_A_STANDBY', `the server of node ${node} is a primary`);
    }
    throw this.#failure instanceof Error
      ? this.#failure
      : new SlotcastError('SC_NOT_FOLLOWING', `the consumer of node ${node} is not following yet`);
  }

  #busy(): Late {
    const message =
      `the consumer of node ${this.#options.node} did not come round to it in time: ` +
      'it still reads the topics, or waits for Kafka or its server';
    return { code: 'SC_NOT_FOLLOWING', message };
  }
}
