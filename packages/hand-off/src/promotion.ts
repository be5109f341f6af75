import {
  type DivergencePolicy,
  emptyLine,
  HAND_OFF_LEASE_MS,
  HAND_OFF_RECORD_MS,
  HandedOver,
  type Manifest,
  type NodeFacts,
  type PlanPolicy,
  type PublishedLine,
} from '@slotcast/domain';
import type { Clock, Logger } from '@slotcast/kernel';
import { connectPostgres, type PostgresOptions, readServerIdentity, readWalEnd } from '@slotcast/postgres';
import { NodesReader, type TopicsContext } from '@slotcast/topics';
import { handOff } from './hand-off.ts';
import {
  handOffFromTopics,
  knowledgeOf,
  recordHandOff,
  type SettledHandOff,
} from './hand-off-from-topics.ts';
import { HandOffLease } from './hand-off-lease.ts';
import type { PromotedSession } from './promoted-session.ts';
import { type EndedRecovery, RecoveryGuard } from './recovery-guard.ts';
import type { ReportRole } from './role-tracker.ts';

export interface PromotionOptions {
  readonly node: string;
  readonly cluster: string;
  readonly version: string;
  readonly policy: Pick<PlanPolicy, 'wanted'>;
  readonly onDivergence: DivergencePolicy;
  readonly postgres: PostgresOptions;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** One half of the node, on whose behalf something is done. */
export interface ActingHalf {
  /** Random id under which it writes. */
  readonly instance: string;
  readonly topics: TopicsContext;
  readonly report: ReportRole;
  readonly logger: Logger;
}

/** What follows the topics, as far as a promotion is concerned. */
export interface FollowingSession {
  /** What was published on the line of descent that the server replays. */
  line(): PublishedLine;
  /** Has it look at the server now. */
  wake(): void;
}

/**
 * All that a process does about the promotion of its server, whichever halves of the node it runs: one guard sees the end of recovery and
 * raises the WAL fence, and every promotion is followed by one hand-off, whatever fails in between.
 */
export class Promotion {
  readonly #options: PromotionOptions;
  readonly #guard: RecoveryGuard;
  readonly #listeners = new Set<ReportRole>();
  #watching: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;
  #session: FollowingSession | undefined;
  /** The end of recovery that was dealt with. */
  #done: EndedRecovery | undefined;

  constructor(options: PromotionOptions) {
    this.#options = options;
    this.#guard = new RecoveryGuard({
      ...options,
      line: () => this.#session?.line() ?? emptyLine,
      onEnd: () => this.#session?.wake(),
      report: (event) => this.#listeners.forEach((report) => report(event)),
    });
  }

  /** The end of the recovery that the server was in last, when it was seen. */
  get ended(): EndedRecovery | undefined {
    return this.#guard.ended;
  }

  /** Watches the server on behalf of a half until the signal is aborted. Halves that attend at the same time share one watch, and all hear what it sees. */
  async attend(report: ReportRole, signal: AbortSignal): Promise<void> {
    this.#listeners.add(report);
    this.#watching ??= this.#watch();
    await aborted(signal);
    this.#listeners.delete(report);
    if (this.#listeners.size === 0) {
      const { stop, ended } = this.#watching;
      this.#watching = undefined;
      stop.abort();
      await ended;
    }
  }

  /** Takes what a session knows as the measure of the fence, also after the session has ended. */
  follow(session: FollowingSession): void {
    this.#session = session;
  }

  /** The hand-off by a session that still follows the topics. */
  async finish(session: PromotedSession, half: ActingHalf): Promise<void> {
    const { node, version, policy, clock, postgres, onDivergence } = this.#options;
    const { instance, report, logger } = half;
    report('left_recovery');
    const ended = await this.#guard.awaitEnd(session.signal);
    report('hand_over');
    const { feed, directory, systemIdentifier, serverVersion, serverStartedAt, writer } = session;
    const { slotsBefore, walsender, drain, signal } = session;
    const knowledge = knowledgeOf(feed, directory);
    const lease = leaseOf(session, ended, clock);
    const sources = { ended, walsender, slotsBefore, knowledge, lease };
    const { wanted } = policy;
    const rules = { postgres, onDivergence, wanted };
    const outcome = await handOff({ ...rules, ...sources, clock, drain, logger, signal });
    if (outcome !== undefined) {
      const facts = { node, instance, version, systemIdentifier, serverVersion, serverStartedAt };
      const lineage = feed.newestManifest?.lineage;
      await recordHandOff({ directory, writer, outcome, facts, lineage, clock });
      this.#done = ended;
    }
    report(outcome === undefined ? 'not_promoted' : 'recorded');
  }

  /** The hand-off after a promotion that no session has dealt with, because it had failed before. */
  async finishLate(half: ActingHalf, signal: AbortSignal): Promise<void> {
    const { ended } = this.#guard;
    if (ended === undefined || ended === this.#done) {
      return;
    }
    const { node } = this.#options;
    const nodes = new NodesReader(half.topics, { slotsOf: node });
    const connection = await connectPostgres({ ...this.#options.postgres, signal });
    try {
      const identity = await readServerIdentity(connection, signal);
      const { timeline } = await readWalEnd(connection, signal);
      await nodes.replay(signal);
      const parts = { nodes, server: { ...identity, timeline }, noneNeeded: undefined, patienceMs: 0 };
      await this.#handOffFromTopics(half, parts, signal);
      this.#done = ended;
    } finally {
      await Promise.allSettled([nodes.close(), connection.close()]);
    }
  }

  /**
   * Resolves when the slots of this primary are handed over. `manifest` is the newest one: a server on its timeline has published
   * before, and nothing is to be handed over; `nodes` has replayed the nodes topic. `undefined` when the server is not the
   * promoted one any more that it was.
   */
  settle(
    half: ActingHalf,
    { manifest, server, nodes }: { manifest: Manifest | undefined; server: ServerFacts; nodes: NodesReader },
    signal: AbortSignal,
  ): Promise<SettledHandOff | undefined> {
    const noneNeeded = HandedOver.noneNeeded(manifest, server.timeline);
    const parts = { nodes, server, noneNeeded, patienceMs: HAND_OFF_RECORD_MS };
    return this.#handOffFromTopics(half, parts, signal);
  }

  #handOffFromTopics(
    { instance, topics, report, logger }: ActingHalf,
    parts: {
      readonly nodes: NodesReader;
      readonly server: ServerFacts;
      readonly noneNeeded: HandedOver | undefined;
      readonly patienceMs: number;
    },
    signal: AbortSignal,
  ): Promise<SettledHandOff | undefined> {
    const { node, version, policy } = this.#options;
    const { systemIdentifier, timeline, serverVersion, serverStartedAt } = parts.server;
    return handOffFromTopics({
      ...this.#options,
      ...parts,
      topics,
      facts: { node, instance, version, systemIdentifier, timeline, serverVersion, serverStartedAt },
      wanted: policy.wanted,
      awaitEnd: (stop) => this.#guard.awaitEnd(stop),
      report,
      logger,
      signal,
    });
  }

  #watch(): { readonly stop: AbortController; readonly ended: Promise<void> } {
    const stop = new AbortController();
    return { stop, ended: this.#guard.run(stop.signal) };
  }
}

/** The server of a hand-off, as its record tells. */
type ServerFacts = Pick<NodeFacts, 'systemIdentifier' | 'timeline' | 'serverVersion' | 'serverStartedAt'>;

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

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) {
      resolve();
    }
  });
}
