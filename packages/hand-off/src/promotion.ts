import {
  type DivergencePolicy,
  emptyLine,
  HAND_OFF_LEASE_MS,
  HandedOver,
  type Manifest,
  type Outlived,
  type PlanPolicy,
  type Promotion as PromotionRecord,
  type PublishedLine,
  type ServerLife,
  sameLife,
  startIn,
  startOf,
} from '@slotcast/domain';
import type { Clock, Logger } from '@slotcast/kernel';
import type { FencedAnswer } from '@slotcast/observability';
import {
  connectPostgres,
  type PostgresConnection,
  type PostgresOptions,
  readServerIdentity,
  readWalEnd,
} from '@slotcast/postgres';
import { type LastKnown, NodesReader, type TopicsContext } from '@slotcast/topics';
import { aborted } from './aborted.ts';
import { AheadLookout } from './ahead-lookout.ts';
import { type EndedRecovery, isSeen } from './ended-recovery.ts';
import { handOff } from './hand-off.ts';
import {
  handOffFromTopics,
  knowledgeOf,
  recordHandOff,
  type SettledHandOff,
} from './hand-off-from-topics.ts';
import { HandOffLease } from './hand-off-lease.ts';
import { type JoinedLock, joinNode } from './join-node.ts';
import { isLeftOver, type Settling } from './left-over-promotion.ts';
import type { OwnPrimary } from './lookout-options.ts';
import { NodeLock } from './node-lock.ts';
import { NodeMemory, type StateFile } from './node-memory.ts';
import { readOwnHistory, readOwnPrimary } from './own-history.ts';
import { PrimaryLookout } from './primary-lookout.ts';
import type { PromotedSession } from './promoted-session.ts';
import { type OwnSlots, PromotionSafety } from './promotion-safety.ts';
import { RecoveryGuard } from './recovery-guard.ts';
import { RivalLookout } from './rival-lookout.ts';
import type { ReportRole } from './role-tracker.ts';
import { firstProofOf, prove } from './session-proofs.ts';
import { StandingHandOff } from './standing-hand-off.ts';
import { type BeforePromotion, UnansweredPromotion } from './unanswered-promotion.ts';

export interface PromotionOptions {
  readonly node: string;
  readonly cluster: string;
  readonly version: string;
  readonly policy: Pick<PlanPolicy, 'wanted'>;
  readonly onDivergence: DivergencePolicy;
  readonly postgres: PostgresOptions;
  /** Where what is known is kept across restarts; absent where it is not. */
  readonly stateFile?: StateFile | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** One half of the node, on whose behalf something is done. */
export interface ActingHalf {
  /** Random id under which it writes. */
  readonly instance: string;
  readonly topics: TopicsContext;
  readonly report: ReportRole;
  /** Called before each step of a hand-off, which as a whole may take long: the half does not hang. */
  readonly progressed: () => void;
  readonly logger: Logger;
}

/** What follows the topics, as far as a promotion is concerned. */
export interface FollowingSession {
  /** What was published on the line of descent that the server replays; absent as long as it does not know. */
  line(): PublishedLine | undefined;
  /** What is slotcast's on the server; absent until the session alone writes as the node. */
  own(): OwnSlots | undefined;
  /** Has it look at the server now. */
  wake(): void;
}

/** What this process knew last. */
interface Known {
  readonly line: PublishedLine;
  readonly own: OwnSlots | undefined;
}

/** What is to be settled before a claim: what the newest manifest leaves to do, or a hand-off that is on record and has to be done once more. */
export interface ToSettle {
  readonly manifest?: Manifest | undefined;
  readonly unfinished?: PromotionRecord | undefined;
  /** Other primaries that were seen at work since then. */
  readonly outlived?: Outlived | undefined;
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
  /** By the sessions before it. */
  #knownBefore: Known = { line: emptyLine, own: undefined };
  /** That is what was kept on disk. */
  #isKept = false;
  readonly #safety: PromotionSafety;
  /** The server whose hand-off this process has seen on record. */
  #done: ServerLife | undefined;
  readonly #standing: StandingHandOff;
  readonly #unanswered: UnansweredPromotion;
  /** For subscribers that are ahead of this server, as long as no publisher looks. */
  readonly ahead: AheadLookout;

  constructor(options: PromotionOptions) {
    this.#options = options;
    this.#standing = new StandingHandOff(options.clock);
    this.#unanswered = new UnansweredPromotion(options);
    this.ahead = new AheadLookout(options);
    this.#safety = new PromotionSafety({ ...options, onSafe: (server) => this.#standing.doneHere(server) });
    this.#guard = new RecoveryGuard({
      ...options,
      line: () => this.#known.line,
      onEnd: (ended, site, isAgain) => {
        const acting = this.#safety.begin(ended, { ...site, isAgain }, this.#known);
        this.#session?.wake();
        return acting;
      },
      onPrimary: async (site) => {
        await this.ahead.look(site);
        await this.#unanswered.look(site, this.#beforePromotion());
      },
      report: (event) => this.#listeners.forEach((report) => report(event)),
    });
  }

  /** Whether writers may be let in: the server is a primary, and its fence and hand-off stand. */
  fenced(): FencedAnswer {
    return this.#standing.judge(this.#guard.server);
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

  /**
   * Takes what a session knows as what a promotion is judged by that nobody can ask the topics about, also after the session has ended, until the next one has read
   * the topics.
   */
  follow(session: FollowingSession): void {
    this.#knownBefore = this.#known;
    this.#session = session;
    this.#unanswered.begin();
  }

  get #known(): Known {
    const { line, own } = this.#knownBefore;
    return { line: this.#session?.line() ?? line, own: this.#session?.own() ?? own };
  }

  /** Takes the lock of the node for a session that is about to claim the node's name. */
  join(connection: PostgresConnection, signal: AbortSignal): Promise<JoinedLock> {
    return joinNode(connection, this.#options, signal);
  }

  /** The hand-off by a session that still follows the topics. */
  async finish(session: PromotedSession, half: ActingHalf): Promise<void> {
    const { clock } = this.#options;
    const { report } = half;
    report('left_recovery');
    const ended = await this.#awaitEnd(session.signal);
    const life = await readWalEnd(session.connection, session.signal);
    const { own } = session.directory;
    // The session has been open since before.
    if (HandedOver.onRecord(own, startIn(life, life)) !== undefined) {
      this.#done = life;
      this.#noteHandedOver(life);
      report('recorded');
      return;
    }
    const first = firstProofOf(session, ended);
    if (first === undefined) {
      // Of whoever was fenced by the claim, what was begun may go on so long.
      const sinceMs = clock.monotonicMs() - session.claimedAtMs;
      await clock.sleep(Math.max(0, HAND_OFF_LEASE_MS - sinceMs), session.signal);
    }
    report('hand_over');
    const lease = new HandOffLease({
      prove: () => prove(session, clock),
      clock,
      onStep: half.progressed,
      first,
    });
    const isDone = await this.#handOver(session, { half, ended, lease });
    if (isDone) {
      this.#done = life;
      this.#noteHandedOver(life);
    }
    report(isDone ? 'recorded' : 'not_promoted');
  }

  /** False when the server is in recovery, or was never promoted. */
  async #handOver(
    session: PromotedSession,
    { half, ended, lease }: { half: ActingHalf; ended: EndedRecovery | undefined; lease: HandOffLease },
  ): Promise<boolean> {
    const { node, version, policy, clock, postgres, onDivergence } = this.#options;
    const { feed, directory, systemIdentifier, serverVersion, serverStartedAt, writer } = session;
    const { slotsBefore, walsender, signal } = session;
    const drain = async (): Promise<void> => {
      await session.drain();
      this.heardTopics();
    };
    const { instance, logger } = half;
    const knowledge = knowledgeOf(feed, directory);
    const { acted } = this.#safety;
    const sources = { ended, walsender, slotsBefore, knowledge, lease, acted };
    const rules = { postgres, onDivergence, wanted: policy.wanted };
    const onRound = (): void => this.#standing.doneHere({ serverStartedAt });
    const outcome = await handOff({ ...rules, ...sources, onRound, clock, drain, logger, signal });
    if (outcome === undefined) {
      return false;
    }
    this.#safety.over();
    const facts = { node, instance, version, systemIdentifier, serverVersion, serverStartedAt };
    const lineage = feed.newestManifest?.lineage;
    await recordHandOff({ directory, writer, outcome, facts, lineage, clock });
    return true;
  }

  /**
   * To be called on a server that is a primary, by a half that has no session: the hand-off of a promotion that nobody has put on record, because the session that
   * saw it has failed, or because no process of this node ran then, as the record of the node tells.
   */
  async finishLate(half: ActingHalf, signal: AbortSignal): Promise<void> {
    const { ended } = this.#guard;
    const connection = await connectPostgres({ ...this.#options.postgres, signal });
    const nodes = new NodesReader(half.topics, { slotsOf: this.#options.node });
    try {
      const life = await readWalEnd(connection, signal);
      if (life.timeline === 1 || sameLife(life, this.#done)) {
        return;
      }
      const history = await readOwnHistory(life, { ...this.#options, ended, signal });
      const server = { ...(await readServerIdentity(connection, signal)), history };
      await nodes.replay(signal);
      const known = { server, nodes, connection };
      const seen = isSeen(ended, { life, start: startOf(history) });
      if (await isLeftOver(half, known, { node: this.#options.node, seen, signal })) {
        const settled = await this.#handOffFromTopics(half, { ...known, noneNeeded: undefined }, signal);
        this.#done = settled && life;
        if (settled !== undefined) {
          this.#noteHandedOver(life);
        }
      }
      this.#unanswered.answered();
    } finally {
      await Promise.allSettled([nodes.close(), connection.close()]);
    }
  }

  /** Listens for other servers that act as primary, on behalf of a half that sleeps beside one, until the signal is aborted. */
  async lookOut({ topics, logger }: ActingHalf, signal: AbortSignal): Promise<void> {
    const readServer = (stop: AbortSignal): Promise<OwnPrimary> =>
      readOwnPrimary({ ...this.#options, ended: this.#guard.ended, signal: stop });
    const isPublished = (): boolean => this.ahead.isLookedAfter;
    const lookout = { ...this.#options, topics, logger, readServer, isPublished };
    await Promise.all([new PrimaryLookout(lookout).run(signal), new RivalLookout(lookout).run(signal)]);
  }

  /**
   * Resolves when the slots of this primary are handed over. `manifest` is the newest one: a server on its timeline has published
   * before, and nothing is to be handed over; `nodes` has replayed the nodes topic. `unfinished` is on record, but did not know all that was published; it is
   * done once more. `undefined` when the server is not the promoted one any more that it was.
   */
  async settle(
    half: ActingHalf,
    { manifest, unfinished, ...known }: Settling & ToSettle,
    signal: AbortSignal,
  ): Promise<SettledHandOff | undefined> {
    const noneNeeded =
      unfinished === undefined ? HandedOver.noneNeeded(manifest, known.server.history.timeline) : undefined;
    const settled = await this.#handOffFromTopics(half, { ...known, noneNeeded, unfinished }, signal);
    if (settled !== undefined) {
      this.#noteHandedOver(known.server);
    }
    return settled;
  }

  /** To be called when the topics were read to their end while the server was a primary. */
  heardTopics(): void {
    this.#unanswered.heard();
  }

  #noteHandedOver(server: Pick<ServerLife, 'serverStartedAt'>): void {
    this.#safety.over();
    this.#standing.recorded(server);
    this.#unanswered.settled();
  }

  #handOffFromTopics(
    { instance, topics, report, progressed, logger }: ActingHalf,
    parts: Settling & {
      readonly noneNeeded: HandedOver | undefined;
      readonly unfinished?: PromotionRecord | undefined;
      readonly outlived?: Outlived | undefined;
    },
    signal: AbortSignal,
  ): Promise<SettledHandOff | undefined> {
    const { node, version, policy } = this.#options;
    const { systemIdentifier, history, serverVersion, serverStartedAt } = parts.server;
    const { timeline } = history;
    return handOffFromTopics({
      ...this.#options,
      ...parts,
      topics,
      facts: { node, instance, version, systemIdentifier, timeline, serverVersion, serverStartedAt },
      start: startOf(history),
      wanted: policy.wanted,
      onRead: () => this.heardTopics(),
      awaitEnd: (stop) => this.#awaitEnd(stop),
      lock: new NodeLock(parts.connection, this.#options),
      safe: new NodeLock(parts.connection, this.#options, 'safe'),
      acted: () => this.#safety.acted,
      report,
      progressed,
      logger,
      signal,
    });
  }

  /** What the guard saw of the end of recovery, once it has raised the fence and what must not wait is done. */
  async #awaitEnd(signal: AbortSignal): Promise<EndedRecovery | undefined> {
    const ended = await this.#guard.awaitEnd(signal);
    await this.#safety.settled(signal);
    return ended;
  }

  #watch(): { readonly stop: AbortController; readonly ended: Promise<void> } {
    const stop = new AbortController();
    const remembering = new NodeMemory(this.#options).run(
      () => this.#ownKnowledge(),
      (kept) => this.#take(kept),
      () => this.#unanswered.isSettled,
      stop.signal,
    );
    return { stop, ended: Promise.all([this.#guard.run(stop.signal), remembering]).then(() => undefined) };
  }

  /** What a session of this process knows. */
  #ownKnowledge(): LastKnown | undefined {
    const line = this.#session?.line();
    const own = this.#session?.own();
    return line && own && { ...own, cluster: this.#options.cluster, node: this.#options.node, line };
  }

  #beforePromotion(): BeforePromotion | undefined {
    const { ended } = this;
    const { own } = this.#known;
    const isKnown = own !== undefined && (this.#isKept || ended !== undefined);
    return isKnown ? { own, endedAtMs: ended?.recoveringAtMs, acted: this.#safety.acted } : undefined;
  }

  /** Takes what was kept on disk, where no session of this process has known anything. */
  #take(kept: LastKnown): void {
    if (this.#ownKnowledge() === undefined && (this.#isKept || this.#knownBefore.own === undefined)) {
      this.#isKept = true;
      const rest = { prepared: [], others: [], earlier: undefined, slotsBefore: undefined, lock: undefined };
      this.#knownBefore = { line: kept.line, own: { ...kept, ...rest } };
    }
  }
}
