import type {
  DivergencePolicy,
  LocalSlot,
  PlanPolicy,
  Promotion,
  PublishedLine,
  SystemIdentifier,
  TimelineHistory,
} from '@slotcast/domain';
import { HAND_OFF_SAFETY_MS, seenFrom } from '@slotcast/domain';
import { type Clock, errorText, type Logger } from '@slotcast/kernel';
import { type PostgresOptions, readServerIdentity, readWalEnd } from '@slotcast/postgres';
import type { EndedRecovery } from './ended-recovery.ts';
import { makeSafe, type NodeKnowledge } from './hand-off.ts';
import { NodeLock } from './node-lock.ts';
import type { GuardSite } from './recovery-guard.ts';
import { SafetyTurn } from './safety-turn.ts';

const ATTEMPTS = 3;
const ATTEMPT_PAUSE_MS = 500;

/** What a session knew last that wrote as the node. */
export interface OwnSlots extends NodeKnowledge {
  /** Of the server that the slots are on. */
  readonly systemIdentifier: SystemIdentifier;
  /** That it replayed then. */
  readonly history: TimelineHistory;
  /** The server's slots at the last look while it was in recovery. */
  readonly slotsBefore: readonly LocalSlot[] | undefined;
  /** The lock of the node, where the session holds it. */
  readonly lock: NodeLock | undefined;
}

export interface PromotionSafetyOptions {
  readonly node: string;
  readonly cluster: string;
  readonly policy: Pick<PlanPolicy, 'wanted'>;
  readonly onDivergence: DivergencePolicy;
  readonly postgres: PostgresOptions;
  /** Called when all is done, by whichever process of the node. */
  readonly onSafe: (server: { readonly serverStartedAt: number }) => void;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * What must not wait after a promotion, neither for Kafka nor for a session that may hang: slots whose subscribers would skip changes go out of reach as soon as the end of
 * recovery is seen, by what this process knew last. The hand-off that follows judges again, with the topics, and records it.
 */
export class PromotionSafety {
  readonly #options: PromotionSafetyOptions;
  #acting: Promise<unknown> = Promise.resolve();
  #acted: Promotion | undefined;
  #site: GuardSite | undefined;
  #isOver = false;

  constructor(options: PromotionSafetyOptions) {
    this.#options = options;
  }

  /** What was done, to be recorded. */
  get acted(): Promotion | undefined {
    return this.#acted;
  }

  /**
   * Resolves with true when there is nothing to do any more, with false when it came to nothing for now, which is logged: Kafka may be away for long, and then nobody else does it. Without
   * knowledge of what is slotcast's nothing is touched. `isAgain`: the same end of recovery as before.
   */
  begin(
    ended: EndedRecovery | undefined,
    { isAgain, ...site }: GuardSite & { readonly isAgain: boolean },
    known: { readonly line: PublishedLine; readonly own: OwnSlots | undefined },
  ): Promise<boolean> {
    const { line, own } = known;
    this.#site = site;
    this.#isOver &&= isAgain;
    const acting =
      own === undefined || this.#isOver ? Promise.resolve(true) : this.#act(ended, site, { line, own });
    this.#acting = acting;
    return acting;
  }

  /**
   * To be called when a hand-off by what the topics say has done it: what is held up here, and in any other process of the node, begins no step any more, as it
   * knows less.
   */
  over(): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    if (this.#site !== undefined) {
      void this.#showDone(this.#site);
    }
  }

  /** Resolves when what was begun is done, or takes long. */
  async settled(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const overdue = this.#options.clock.sleep(HAND_OFF_SAFETY_MS, either).catch(() => undefined);
    await Promise.race([this.#acting, overdue]);
    stop.abort();
    signal.throwIfAborted();
  }

  async #act(
    ended: EndedRecovery | undefined,
    site: GuardSite,
    known: { readonly line: PublishedLine; readonly own: OwnSlots },
  ): Promise<boolean> {
    const { clock, logger } = this.#options;
    const { connection, signal } = site;
    for (let left = ATTEMPTS; left > 0 && !connection.broken; left -= 1) {
      try {
        await this.#attempt(ended, site, known);
        return true;
      } catch (error) {
        if (signal.aborted || this.#isOver) {
          return true;
        }
        logger.error(
          { error: errorText(error) },
          'what has to be done at once after a promotion was not done: it is tried again, unless the hand-off does it',
        );
        await clock.sleep(ATTEMPT_PAUSE_MS, signal).catch(() => undefined);
      }
    }
    return signal.aborted || this.#isOver;
  }

  /** Its statements wait for the one that is held up. */
  async #showDone({ connection, signal }: GuardSite): Promise<void> {
    try {
      await new NodeLock(connection, this.#options, 'safe').tryTake(signal);
    } catch (error) {
      if (!signal.aborted) {
        this.#options.logger.warn(
          { error: errorText(error) },
          'could not show other processes of this node that the slots are handed over',
        );
      }
    }
  }

  async #attempt(
    ended: EndedRecovery | undefined,
    { connection, signal }: GuardSite,
    { line, own }: { readonly line: PublishedLine; readonly own: OwnSlots },
  ): Promise<void> {
    const { node, policy, onSafe, clock, logger } = this.#options;
    const server = await readServerIdentity(connection, signal);
    const { systemIdentifier } = server;
    const { timeline } = await readWalEnd(connection, signal);
    if (systemIdentifier !== own.systemIdentifier || own.history.timeline >= timeline) {
      const known = { systemIdentifier: own.systemIdentifier, timeline: own.history.timeline };
      logger.warn(
        { systemIdentifier, timeline, known },
        'left the slots alone: what was known last is of another server',
      );
      return;
    }
    const isOver = (): boolean => this.#isOver;
    const turn = new SafetyTurn({ connection, names: this.#options, held: own.lock, isOver, clock, signal });
    try {
      if (!(await turn.await())) {
        onSafe(server);
        return;
      }
      const done = await makeSafe({
        ...this.#options,
        knowledge: { ...own, node, publishedOn: (before) => seenFrom(line, own.history, before) },
        slotsBefore: own.slotsBefore,
        ended,
        acted: this.#acted,
        lease: turn.lease,
        wanted: policy.wanted,
        signal,
      });
      this.#acted = done?.promotion ?? this.#acted;
      if (done !== undefined) {
        onSafe(server);
      }
      // Also where something is left: that is for this process, which has seen the fence.
      await turn.done();
      if (done?.isDone === false) {
        throw new Error('not all slots could be put out of reach that must not be used');
      }
    } finally {
      await turn.end();
    }
  }
}
