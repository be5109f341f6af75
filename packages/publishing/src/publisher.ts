import { randomUUID } from 'node:crypto';
import { checkPreconditions, type NodesRecord, OrphanAges, remakingAfter } from '@slotcast/domain';
import { writerId } from '@slotcast/event-log';
import {
  type ActingHalf,
  type HalfOptions,
  Promotion,
  RoleTracker,
  readOwnHistory,
  requirePreconditions,
  runHalf,
  type SettledHandOff,
  sweepLeaders,
  type ToSettle,
} from '@slotcast/hand-off';
import { Doorbell } from '@slotcast/kernel';
import type { NodeService, PublisherMetrics } from '@slotcast/observability';
import {
  connectPostgres,
  isInRecovery,
  type ObservedPrimary,
  observePrimary,
  type PostgresConnection,
  readPreconditions,
  readServerIdentity,
  readWalEnd,
  type WalEnd,
} from '@slotcast/postgres';
import { NodesReader, serviceTopics, type TopicsContext } from '@slotcast/topics';
import { AheadWatch } from './ahead-watch.ts';
import { Canary } from './canary.ts';
import { claimTopic, type FormerTenure, handOffOpen, type PublisherIdentity } from './claim-topic.ts';
import { Forgetting } from './forgetting.ts';
import type { PrimaryIdentity } from './primary.ts';
import { ProofAnswers } from './proof-answers.ts';
import { publishLoop } from './publish-loop.ts';
import { PublisherStatus } from './publisher-status.ts';
import { Rivals } from './rivals.ts';
import { SlotFiles } from './slot-files.ts';
import type { Tenure } from './tenure.ts';

export interface PublisherOptions extends HalfOptions {
  readonly takeOver: boolean;
  /** How long a publisher is waited for that is at work beside the former primary, before the topic is taken over from it. */
  readonly demotionWaitMs: number;
  readonly pollMinMs: number;
  readonly maxEventsPerSecond: number;
  /** How long an orphaned slot is kept; absent: for ever. */
  readonly orphanRetentionMs: number | undefined;
  /** Whether the canary runs. */
  readonly canary: boolean;
  readonly metrics: PublisherMetrics;
}

/**
 * The publisher of one node: asleep while its server is in recovery, else the one writer of the cluster's slots topic. It shares the promotion
 * with the other half of the node where that is in the same process.
 */
export function createPublisher(
  options: PublisherOptions,
  promotion = new Promotion(options),
  forgetting = new Forgetting(options.node),
): NodeService {
  const publisher = new Publisher(options, promotion, forgetting);
  return { health: publisher.status, fenced: () => promotion.fenced(), run: publisher.run.bind(publisher) };
}

class Publisher {
  readonly status: PublisherStatus;
  readonly #options: PublisherOptions;
  readonly #identity: PublisherIdentity;
  readonly #topics: TopicsContext;
  readonly #promotion: Promotion;
  readonly #forgetting: Forgetting;
  readonly #role: RoleTracker;
  readonly #half: ActingHalf;
  readonly #rivals: Rivals;
  readonly #orphanAges = new OrphanAges();
  #former: FormerTenure | undefined;

  constructor(options: PublisherOptions, promotion: Promotion, forgetting: Forgetting) {
    const { node, slotsTopic, nodesTopic, takeOver, demotionWaitMs, version, logger } = options;
    const transactionalId = writerId(slotsTopic, 'publisher');
    this.#options = options;
    const instance = randomUUID();
    const names = { node, slotsTopic, nodesTopic, transactionalId, instance };
    this.#identity = { ...names, takeOver, demotionWaitMs, version };
    const progressed = (): void => this.status.progressed();
    this.#role = new RoleTracker('publishing', { ...options, onTurn: progressed });
    this.#topics = serviceTopics(options);
    this.#promotion = promotion;
    this.#forgetting = forgetting;
    this.status = new PublisherStatus(options.metrics, options.clock);
    this.#rivals = new Rivals({ metrics: options.metrics, logger });
    this.#half = { instance, topics: this.#topics, report: this.#role.report, progressed, logger };
    options.metrics.canaryEnabled.set(options.canary ? 1 : 0);
  }

  run(signal: AbortSignal): Promise<void> {
    const { explainError: explain, clock, logger } = this.#options;
    return runHalf({
      promotion: this.#promotion,
      report: this.#role.report,
      attempt: (progressed) => this.#attempt(progressed, signal),
      explain,
      onFailure: (message) => this.status.failed(message),
      clock,
      logger,
      signal,
    });
  }

  async #attempt(progressed: () => void, signal: AbortSignal): Promise<void> {
    await this.#options.verifyTopics();
    const connection = await connectPostgres({ ...this.#options.postgres, signal });
    try {
      await this.#checkServer(connection, signal);
      const seen = await this.#awaitPrimary(connection, progressed, signal);
      const server = await this.#identify(connection, seen, signal);
      await this.#serve(connection, server, progressed, signal);
    } finally {
      await connection.close();
    }
  }

  async #checkServer(connection: PostgresConnection, signal: AbortSignal): Promise<void> {
    const facts = await readPreconditions(connection, signal);
    requirePreconditions(checkPreconditions(facts, 'publisher'), this.#options.logger);
  }

  /** Sleeps as long as the server is in recovery. */
  async #awaitPrimary(
    connection: PostgresConnection,
    progressed: () => void,
    signal: AbortSignal,
  ): Promise<ObservedPrimary> {
    const { clock, logger, pollMaxMs } = this.#options;
    for (let announced = false; ; announced = true) {
      const asleep = await isInRecovery(connection, signal);
      const seen = asleep ? undefined : await observePrimary(connection, signal);
      if (seen?.inRecovery === false) {
        this.#role.report('primary_seen');
        return seen;
      }
      if (!announced) {
        this.#role.report('standby_seen');
        logger.info('asleep: the server is in recovery');
      }
      progressed();
      this.status.enter('asleep');
      await clock.sleep(pollMaxMs, signal);
    }
  }

  async #identify(
    connection: PostgresConnection,
    seen: ObservedPrimary,
    signal: AbortSignal,
  ): Promise<PrimaryIdentity> {
    const identity = await readServerIdentity(connection, signal);
    const { ended } = this.#promotion;
    const { postgres, logger } = this.#options;
    const server = { ...identity, timeline: seen.timeline };
    const history = await readOwnHistory(server, { postgres, ended, logger, signal });
    return { ...identity, history };
  }

  async #serve(
    connection: PostgresConnection,
    server: PrimaryIdentity,
    progressed: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    this.status.enter('claiming');
    // One reading for the name, the hand-off and the wishes of consumers.
    const nodes = new NodesReader(this.#topics, { slotsOf: this.#identity.node });
    try {
      await nodes.replay(signal);
      const tenure = await this.#claim(connection, server, nodes, signal);
      try {
        const reason = await this.#publish(connection, { tenure, nodes, progressed }, signal);
        this.#role.report('tenure_ended');
        this.#options.logger.info({ epoch: tenure.facts.epoch, reason }, 'ended the tenure');
      } finally {
        await tenure.close();
      }
    } finally {
      await nodes.close();
    }
  }

  async #claim(
    connection: PostgresConnection,
    server: PrimaryIdentity,
    nodes: NodesReader,
    signal: AbortSignal,
  ): Promise<Tenure> {
    const { logger, clock } = this.#options;
    const tenure = await claimTopic({
      topics: this.#topics,
      nodes,
      logger,
      clock,
      identity: this.#identity,
      server,
      former: this.#former,
      readEnd: () => this.#readEnd(connection, server, signal),
      progressed: () => this.status.progressed(),
      onRead: () => this.#promotion.heardTopics(),
      beforeClaim: (manifest) => this.#settle(connection, { manifest, server, nodes }, signal),
      settleAgain: (unfinished, outlived) =>
        this.#settle(connection, { unfinished, outlived, server, nodes }, signal),
      onRival: (rival) => this.#rivals.overtakes(rival),
      signal,
    });
    this.#role.report('claimed');
    const { epoch, history } = tenure.facts;
    logger.info({ epoch, timeline: history.timeline, slots: tenure.published.size }, 'claimed the topic');
    return tenure;
  }

  /** The hand-off may have taken a while, in which the server became a standby again: it would fence its rightful successor. */
  async #settle(
    connection: PostgresConnection,
    known: ToSettle & { readonly server: PrimaryIdentity; readonly nodes: NodesReader },
    signal: AbortSignal,
  ): Promise<SettledHandOff> {
    const settled = await this.#promotion.settle(this.#half, { ...known, connection }, signal);
    await this.#readEnd(connection, known.server, signal);
    if (settled === undefined) {
      throw handOffOpen(known.server.history.timeline);
    }
    return settled;
  }

  async #readEnd(
    connection: PostgresConnection,
    { history: { timeline } }: PrimaryIdentity,
    signal: AbortSignal,
  ): Promise<WalEnd> {
    const end = (await isInRecovery(connection, signal)) ? undefined : await readWalEnd(connection, signal);
    if (end?.timeline !== timeline) {
      throw handOffOpen(timeline);
    }
    return end;
  }

  /** Publishes, and listens for wishes; whichever fails first ends both. The canary goes along, and ends nothing. */
  async #publish(
    connection: PostgresConnection,
    { tenure, nodes, progressed }: { tenure: Tenure; nodes: NodesReader; progressed: () => void },
    signal: AbortSignal,
  ): Promise<string> {
    const { postgres, metrics, clock, logger, canary: enabled } = this.#options;
    const { status } = this;
    const doorbell = new Doorbell();
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const onDue = (): void => doorbell.ring();
    const answers = new ProofAnswers({ ...this.#options, tenure, onDue });
    const answering = answers.run(both);
    const rivals = this.#rivals;
    const listening = nodes.follow(both, (records) => {
      answers.hear(records);
      const isChallenge = rivals.heard(nodes, tenure);
      if (isChallenge || records.some(isWish)) {
        doorbell.ring();
      }
    });
    const canary = new Canary({ enabled, postgres, metrics, status, clock, logger });
    const measuring = canary.run(both);
    const { promotion } = tenure.facts.handedOver;
    // Before the first comparison: what is missing is orphaned then.
    const remaking = remakingAfter(promotion, { ...tenure.facts, published: tenure.published });
    const sweeping = sweepLeaders({
      postgres,
      remaking,
      switchLsn: promotion?.switchLsn,
      onRestored: (slot) => {
        tenure.restored(slot);
        status.promoted(tenure.promotion);
      },
      clock,
      logger,
      signal: both,
    });
    const watched = { ...this.#options, connection, tenure, status, signal: both };
    const ahead = new AheadWatch({ ...watched, promoted: this.#promotion });
    const publishing = publishLoop({
      ...this.#options,
      connection,
      tenure,
      ahead,
      wishes: () => nodes.wishes(),
      answers,
      isChallenged: () => rivals.heard(nodes, tenure),
      doorbell,
      forgetting: this.#forgetting,
      files: new SlotFiles({ connection, clock, logger, signal: both }),
      orphanAges: this.#orphanAges,
      mark: (slots) => canary.mark(slots),
      status,
      progressed,
      // From the first manifest on: a second publisher of this node must find out at once, or both fence each other for a while.
      onEstablished: () => {
        this.#former = { epoch: tenure.facts.epoch, lineage: tenure.facts.lineage };
        status.promoted(tenure.promotion);
        status.enter('publishing', tenure.facts.epoch);
        this.#forgetting.open(doorbell);
      },
      signal: both,
    });
    try {
      return await Promise.race([publishing, listening, answering]);
    } finally {
      this.#forgetting.close();
      stop.abort();
      await Promise.allSettled([publishing, listening, answering, measuring, sweeping]);
    }
  }
}

function isWish(record: NodesRecord): boolean {
  return record.kind === 'node' && record.wantsStandbySnapshot;
}
