import {
  HAND_OFF_DRAIN_MS,
  type LocalSlot,
  type Manifest,
  type PlanPolicy,
  type PublishedLine,
} from '@slotcast/domain';
import type { LogWriter } from '@slotcast/event-log';
import {
  type JoinedLock,
  nodeKnowledge,
  type OwnSlots,
  type PromotedSession,
  type ReportRole,
} from '@slotcast/hand-off';
import { type Clock, Deadline, type Logger, SlotcastError } from '@slotcast/kernel';
import type { ConsumerMetrics } from '@slotcast/observability';
import type { DatabaseSessions, PostgresConnection, PostgresOptions } from '@slotcast/postgres';
import type { NodeDirectory, SlotsFeed, TopicsContext } from '@slotcast/topics';
import { CanaryMeter } from '../canary-meter.ts';
import type { ConsumerStatus } from '../consumer-status.ts';
import { awaitStandbyName, refuseOtherInstance } from '../node-name.ts';
import type { SlotProofs } from '../proof/slot-proofs.ts';
import { RequestQueue } from '../requests/request-queue.ts';
import type { SessionRequest } from '../requests/session-request.ts';
import type { StandbyServer } from '../standby-server.ts';
import { SessionParts } from './session-parts.ts';
import { StandbyJudgement } from './standby-judgement.ts';
import { StandbyRounds } from './standby-rounds.ts';

export interface StandbySessionOptions {
  readonly node: string;
  readonly version: string;
  readonly instance: string;
  readonly topics: TopicsContext;
  readonly policy: PlanPolicy;
  readonly advanceDuty: number;
  readonly restartGapBytes: bigint;
  /** All copies are proven again after so long each; absent: only when somebody asks. */
  readonly verifyIntervalMs: number | undefined;
  readonly postgres: PostgresOptions;
  readonly metrics: ConsumerMetrics;
  readonly status: ConsumerStatus;
  /** Called when the session works, so that the back-off of failures starts anew. */
  readonly progressed: () => void;
  readonly report: ReportRole;
  /** Called when nothing speaks against the claim of the node's name. */
  readonly onJoin: (connection: PostgresConnection, signal: AbortSignal) => Promise<JoinedLock>;
  /** Called when the server has left recovery, while everything is still open. */
  readonly onPromoted: (session: PromotedSession) => Promise<void>;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** One stretch of time in which this node's server is a standby: replays both topics, then follows them. */
export class StandbySession {
  readonly #options: StandbySessionOptions;
  readonly #server: StandbyServer;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #canary: CanaryMeter;
  readonly #parts: SessionParts;
  readonly #judgement: StandbyJudgement;
  readonly #requests = new RequestQueue();
  #lastSlots: readonly LocalSlot[] | undefined;
  #claimed: Pick<PromotedSession, 'lock' | 'claimedAtMs'> | undefined;

  constructor(options: StandbySessionOptions, server: StandbyServer, outerSignal: AbortSignal) {
    this.#options = options;
    this.#server = server;
    const signal = AbortSignal.any([outerSignal, this.#stop.signal]);
    this.#signal = signal;
    const canary = new CanaryMeter(options);
    this.#canary = canary;
    this.#parts = new SessionParts({ ...options, hear: (records) => canary.hear(records), signal });
    const { slotsTopic } = options.topics;
    this.#judgement = new StandbyJudgement({ ...options, slotsTopic }, this.#parts, server);
  }

  /**
   * Resolves when the server has left recovery. Rejects with what ends the session early, or with the signal's reason. `fenced` tells
   * that a session of this process may have lost the claim: then another process of this node goes first.
   */
  async run(fenced: boolean): Promise<void> {
    const { topics, instance } = this.#options;
    const { feed, directory } = this.#parts;
    const signal = this.#signal;
    let writer: LogWriter | undefined;
    try {
      await directory.reader.replay(signal);
      if (fenced) {
        refuseOtherInstance(directory, instance);
      }
      await feed.reader.replay(signal);
      // From here on, as the end of recovery may come at any time, and its fence is measured by what was published until then.
      const following = feed.reader.follow(signal, () => this.#tookSlots());
      await Promise.race([following, this.#awaitName()]);
      const joined = await this.#options.onJoin(this.#server.connection, signal);
      if (joined.kind === 'promoted') {
        return;
      }
      writer = await directory.claim({ log: topics.log, signal });
      const claim = { lock: joined.lock, claimedAtMs: this.#options.clock.monotonicMs() };
      this.#claimed = claim;
      await this.#takeUp();
      await Promise.race([this.#followNodes(), following, this.#rounds(writer).run()]);
      await this.#parts.endWork();
      await this.#options.onPromoted(this.#promoted(writer, claim));
    } catch (error) {
      this.#requests.fail(error);
      throw error;
    } finally {
      this.#stop.abort();
      this.#requests.fail(sessionEnded());
      await Promise.allSettled([this.#parts.close(), writer?.close()]);
    }
  }

  /** What was published on the line of descent that this standby replays; absent until the slots topic is replayed, and the server was looked at. */
  line(): PublishedLine | undefined {
    const { history } = this.#server;
    return history && this.#parts.feed.publishedOn(history);
  }

  /** What is slotcast's here, as this session has it on record; absent before its claim. */
  own(): OwnSlots | undefined {
    const { identity, history } = this.#server;
    const lock = this.#claimed?.lock;
    return (
      this.#claimed &&
      history && {
        ...nodeKnowledge(this.#parts.directory),
        systemIdentifier: identity.systemIdentifier,
        history,
        slotsBefore: this.#lastSlots,
        lock,
      }
    );
  }

  /** Whether this process has written the record of its node, so that one of another process there is of its successor. */
  get isOnRecord(): boolean {
    const { own } = this.#parts.directory;
    return own?.role === 'standby' && own.instance === this.#options.instance;
  }

  /** Ends the present pause. */
  wake(): void {
    this.#parts.doorbell.ring();
  }

  /** Has the loop answer a request between two rounds, which are carried out without regard to the budget until then. */
  ask(request: SessionRequest): void {
    if (this.#stop.signal.aborted) {
      request.fail(sessionEnded());
      return;
    }
    this.#requests.add(request);
    this.#parts.doorbell.ring();
  }

  /** What requests look into. */
  get parts(): {
    readonly feed: SlotsFeed;
    readonly directory: NodeDirectory;
    readonly sessions: DatabaseSessions;
    readonly proofs: SlotProofs;
    readonly taken: () => bigint;
  } {
    const { feed, directory, sessions, proofs } = this.#parts;
    return { feed, directory, sessions, proofs, taken: () => feed.reader.taken };
  }

  /** The claim would fence a consumer that works under this name beside another server. */
  #awaitName(): Promise<void> {
    const { feed, directory } = this.#parts;
    const manifest = (): Manifest | undefined => feed.newestManifest;
    const question = { server: this.#server, directory, manifest, signal: this.#signal };
    return awaitStandbyName({ ...this.#options, ...question });
  }

  /** Goes on with what the node's records say, now that no other process writes them. */
  async #takeUp(): Promise<void> {
    const { directory, creations } = this.#parts;
    const { ownership } = directory;
    await creations.endLeft([...ownership].flatMap(([slot, { proven }]) => (proven ? [] : [slot])));
    this.#judgement.lineage.resume(directory.own?.lineage);
    this.#options.report('joined');
    this.#options.logger.info({ owned: ownership.size }, 'replayed the topics');
  }

  #followNodes(): Promise<void> {
    const { directory, doorbell, proofs } = this.#parts;
    return directory.reader.follow(this.#signal, (records) => {
      proofs.hear(records);
      if (directory.isNews(records)) {
        doorbell.ring();
      }
    });
  }

  #rounds(writer: LogWriter): StandbyRounds {
    return new StandbyRounds({
      ...this.#options,
      parts: this.#parts,
      server: this.#server,
      judgement: this.#judgement,
      requests: this.#requests,
      canary: this.#canary,
      writer,
      onLook: (slots) => {
        this.#lastSlots = slots;
      },
      signal: this.#signal,
    });
  }

  #promoted(writer: LogWriter, claim: Pick<PromotedSession, 'lock' | 'claimedAtMs'>): PromotedSession {
    const { feed, directory } = this.#parts;
    const { identity, walsender, connection } = this.#server;
    return {
      feed,
      directory,
      writer,
      ...identity,
      slotsBefore: this.#lastSlots,
      walsender,
      connection,
      ...claim,
      drain: () => this.#drain(),
      signal: this.#signal,
    };
  }

  /** Waits until all that the slots topic has now is taken. */
  async #drain(): Promise<void> {
    const { log, slotsTopic } = this.#options.topics;
    const { feed, doorbell } = this.#parts;
    const end = await log.endOffset(slotsTopic);
    using deadline = new Deadline(this.#signal, HAND_OFF_DRAIN_MS);
    while (feed.reader.taken < end) {
      await doorbell.wait(HAND_OFF_DRAIN_MS, deadline.signal);
    }
  }

  #tookSlots(): void {
    const { feed, doorbell } = this.#parts;
    this.#options.metrics.appliedOffset.set(Number(feed.reader.taken));
    doorbell.ringForRecords();
  }
}

function sessionEnded(): SlotcastError {
  return new SlotcastError('SC_NOT_FOLLOWING', 'the consumer stopped following before it could answer');
}
