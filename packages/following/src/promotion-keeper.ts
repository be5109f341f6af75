import {
  type DivergencePolicy,
  emptyLine,
  HAND_OFF_LEASE_MS,
  HAND_OFF_RECORD_MS,
  type PlanPolicy,
  type PublishedLine,
} from '@slotcast/domain';
import {
  type EndedRecovery,
  HandOffLease,
  handOff,
  handOffFromTopics,
  knowledgeOf,
  RecoveryGuard,
  type ReportRole,
  recordHandOff,
} from '@slotcast/hand-off';
import type { Clock, Logger } from '@slotcast/kernel';
import { connectPostgres, type PostgresOptions, readServerIdentity, readWalEnd } from '@slotcast/postgres';
import { NodesReader, type TopicsContext } from '@slotcast/topics';
import type { PromotedSession } from './promoted-session.ts';
import type { StandbySession } from './standby-session.ts';

export interface PromotionKeeperOptions {
  readonly node: string;
  readonly cluster: string;
  readonly version: string;
  readonly instance: string;
  readonly topics: TopicsContext;
  readonly policy: PlanPolicy;
  readonly onDivergence: DivergencePolicy;
  readonly postgres: PostgresOptions;
  readonly report: ReportRole;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Sees to it that every promotion of this node's server is followed by one hand-off, whatever fails in between. */
export class PromotionKeeper {
  readonly #options: PromotionKeeperOptions;
  readonly #guard: RecoveryGuard;
  #session: StandbySession | undefined;
  #line: () => PublishedLine = () => emptyLine;
  /** The end of recovery that was dealt with. */
  #done: EndedRecovery | undefined;

  constructor(options: PromotionKeeperOptions) {
    this.#options = options;
    this.#guard = new RecoveryGuard({
      ...options,
      line: () => this.#line(),
      onEnd: () => this.#session?.wake(),
    });
  }

  /** Watches until the signal is aborted. */
  watch(signal: AbortSignal): Promise<void> {
    return this.#guard.run(signal);
  }

  /** Takes what a session knows as the measure of the fence, also after the session has ended. */
  follow(session: StandbySession): void {
    this.#session = session;
    this.#line = () => session.line();
  }

  /** The hand-off by a session that still follows the topics. */
  async finish(session: PromotedSession): Promise<void> {
    const { node, instance, version, policy, clock, report, ...rest } = this.#options;
    report('left_recovery');
    const ended = await this.#guard.awaitEnd(session.signal);
    report('hand_over');
    const { feed, directory, systemIdentifier, serverVersion, serverStartedAt, writer } = session;
    const { slotsBefore, walsender, drain, signal } = session;
    const knowledge = knowledgeOf(feed, directory);
    const { wanted } = policy;
    const lease = leaseOf(session, ended, clock);
    const sources = { ended, walsender, slotsBefore, knowledge, lease };
    const outcome = await handOff({ ...rest, ...sources, clock, wanted, drain, signal });
    if (outcome !== undefined) {
      const facts = { node, instance, version, systemIdentifier, serverVersion, serverStartedAt };
      const lineage = feed.newestManifest?.lineage;
      await recordHandOff({ directory, writer, outcome, facts, lineage, clock });
      this.#done = ended;
    }
    report(outcome === undefined ? 'not_promoted' : 'recorded');
  }

  /** The hand-off after a promotion that no session has dealt with, because it had failed before. */
  async finishLate(signal: AbortSignal): Promise<void> {
    const { ended } = this.#guard;
    if (ended === undefined || ended === this.#done) {
      return;
    }
    const { node, instance, version, policy, topics } = this.#options;
    const nodes = new NodesReader(topics, { slotsOf: node });
    const connection = await connectPostgres({ ...this.#options.postgres, signal });
    try {
      const identity = await readServerIdentity(connection, signal);
      const { timeline } = await readWalEnd(connection, signal);
      const facts = { node, instance, version, timeline, ...identity };
      const { wanted } = policy;
      await nodes.replay(signal);
      await handOffFromTopics({
        ...this.#options,
        nodes,
        facts,
        wanted,
        awaitEnd: () => Promise.resolve(ended),
        noneNeeded: undefined,
        patienceMs: 0,
        signal,
      });
      this.#done = ended;
    } finally {
      await Promise.allSettled([nodes.close(), connection.close()]);
    }
  }
}

/**
 * Until Kafka has to be asked, this process is the only one for as long as a publisher waits at least for the record of a consumer that it
 * knows of: the first steps need no Kafka, which may be down with the primary.
 */
function leaseOf(
  { directory, writer }: PromotedSession,
  ended: EndedRecovery | undefined,
  clock: Clock,
): HandOffLease {
  const { own } = directory;
  const isKnown = ended !== undefined && own?.role === 'standby';
  const heldUntilMs = isKnown ? ended.recoveringAtMs + HAND_OFF_RECORD_MS - HAND_OFF_LEASE_MS : 0;
  const prove = async (): Promise<void> => {
    if (own === undefined) {
      throw new Error(
        'this node has no record yet by which to show that no other process hands its slots over',
      );
    }
    const time = clock.now();
    await directory.write(writer, { node: { ...own, time }, time });
  };
  return new HandOffLease({ prove, clock, heldUntilMs });
}
