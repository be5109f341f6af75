import {
  databaseOf,
  emptyLine,
  HAND_OFF_DRAIN_MS,
  isLogical,
  type LocalSlot,
  type Manifest,
  type NodeStatus,
  type PlanPolicy,
  type PublishedLine,
  physicalSlotPins,
  reason,
  waitsForTransactions,
} from '@slotcast/domain';
import type { LogWriter } from '@slotcast/event-log';
import { type JoinedLock, type PromotedSession, type ReportRole, UnreadableSlots } from '@slotcast/hand-off';
import { type Clock, Deadline, type Logger, SlotcastError } from '@slotcast/kernel';
import type { ConsumerMetrics } from '@slotcast/observability';
import { DatabaseSessions, type PostgresConnection, type PostgresOptions } from '@slotcast/postgres';
import { NodeDirectory, NodesReader, SlotsFeed, type TopicsContext } from '@slotcast/topics';
import { CanaryMeter } from './canary-meter.ts';
import type { ConsumerStatus } from './consumer-status.ts';
import { Doubts } from './doubts.ts';
import { forgetLeftTimeline } from './left-timeline.ts';
import { DecodingBudget } from './moves/decoding-budget.ts';
import { warnOfLoudLog } from './moves/loud-log.ts';
import { Mover } from './moves/mover.ts';
import { PluginWatch } from './moves/plugin-watch.ts';
import { awaitStandbyName, refuseOtherInstance } from './node-name.ts';
import { RequestQueue } from './requests/request-queue.ts';
import type { SessionRequest } from './requests/session-request.ts';
import { RestartWorker } from './restart/restart-worker.ts';
import { RoundPause } from './round-pause.ts';
import { SessionBell } from './session-bell.ts';
import { SlotFailures } from './slot-failures.ts';
import { emptyPlan, StandbyPlanner, type WorkUnderWay } from './standby-planner.ts';
import type { StandbyServer, StandbyView } from './standby-server.ts';
import { StatusWriter } from './status-writer.ts';
import { ActionRunner } from './steps/action-runner.ts';
import { Creations } from './steps/creations.ts';
import { TopicLineage } from './topic-lineage.ts';

export interface StandbySessionOptions {
  readonly node: string;
  readonly version: string;
  readonly instance: string;
  readonly topics: TopicsContext;
  readonly policy: PlanPolicy;
  readonly advanceDuty: number;
  readonly restartGapBytes: bigint;
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
  readonly #feed: SlotsFeed;
  readonly #directory: NodeDirectory;
  readonly #doorbell = new SessionBell();
  readonly #sessions: DatabaseSessions;
  readonly #failures: SlotFailures;
  readonly #creations: Creations;
  readonly #plugins: PluginWatch;
  readonly #mover: Mover;
  readonly #restart: RestartWorker;
  readonly #planner: StandbyPlanner;
  readonly #requests = new RequestQueue();
  readonly #lineage: TopicLineage;
  #lastSlots: readonly LocalSlot[] | undefined;
  readonly #doubts: Doubts;
  readonly #rest: RoundPause;

  constructor(options: StandbySessionOptions, server: StandbyServer, outerSignal: AbortSignal) {
    const { node, topics, clock, logger, postgres, advanceDuty } = options;
    this.#options = options;
    this.#lineage = new TopicLineage(topics.slotsTopic, logger);
    this.#doubts = new Doubts(logger);
    this.#server = server;
    const signal = AbortSignal.any([outerSignal, this.#stop.signal]);
    this.#signal = signal;
    const canary = new CanaryMeter(options);
    this.#canary = canary;
    this.#feed = new SlotsFeed(topics, (records) => canary.hear(records));
    this.#rest = new RoundPause({ bell: this.#doorbell, server, feed: this.#feed, clock, signal });
    const reader = new NodesReader(topics, { slotsOf: node });
    this.#directory = new NodeDirectory({ ...topics, node, reader });
    this.#planner = new StandbyPlanner({ ...options, feed: this.#feed, directory: this.#directory });
    this.#sessions = new DatabaseSessions(postgres, (role) => warnOfLoudLog(logger, role), signal);
    this.#failures = new SlotFailures(clock, logger, Math.random);
    this.#creations = new Creations({
      sessions: this.#sessions,
      doorbell: this.#doorbell,
      onMade: (slot) => this.#failures.succeeded(slot),
      onFailure: (slot, error) => this.#failures.failed(slot, 'making the slot', error),
      signal,
    });
    const parts = { sessions: this.#sessions, doorbell: this.#doorbell, signal };
    this.#plugins = new PluginWatch({ ...options, ...parts });
    const budget = new DecodingBudget(advanceDuty, clock);
    const work = { directory: this.#directory, failures: this.#failures, budget };
    this.#restart = new RestartWorker({ ...options, ...parts, ...work });
    this.#mover = new Mover({
      ...options,
      sessions: this.#sessions,
      failures: this.#failures,
      budget,
      onEnd: () => this.#doorbell.ring(),
      signal,
    });
  }

  /**
   * Resolves when the server has left recovery. Rejects with what ends the session early, or with the signal's reason. `fenced` tells
   * that a session of this process may have lost the claim: then another process of this node goes first.
   */
  async run(fenced: boolean): Promise<void> {
    const { topics, instance } = this.#options;
    const { reader: nodes } = this.#directory;
    const { reader: slots } = this.#feed;
    const signal = this.#signal;
    let writer: LogWriter | undefined;
    try {
      await nodes.replay(signal);
      if (fenced) {
        refuseOtherInstance(this.#directory, instance);
      }
      await slots.replay(signal);
      // From here on, as the end of recovery may come at any time, and its fence is measured by what was published until then.
      const following = slots.follow(signal, () => this.#tookSlots());
      const manifest = (): Manifest | undefined => this.#feed.newestManifest;
      const question = { server: this.#server, directory: this.#directory, manifest, signal };
      const naming = awaitStandbyName({ ...this.#options, ...question });
      await Promise.race([following, naming]);
      const joined = await this.#options.onJoin(this.#server.connection, signal);
      if (joined.kind === 'promoted') {
        return;
      }
      writer = await this.#directory.claim({ log: topics.log, signal });
      const claimedAtMs = this.#options.clock.monotonicMs();
      const { ownership } = this.#directory;
      await this.#creations.endLeft([...ownership].flatMap(([slot, { proven }]) => (proven ? [] : [slot])));
      this.#lineage.resume(this.#directory.own?.lineage);
      this.#options.report('joined');
      this.#options.logger.info({ owned: this.#directory.ownership.size }, 'replayed the topics');
      await Promise.race([
        nodes.follow(signal, (records) => this.#directory.isNews(records) && this.#doorbell.ring()),
        following,
        this.#work(writer),
      ]);
      await Promise.all(this.#workers.map((part) => part.close()));
      await this.#options.onPromoted({
        feed: this.#feed,
        directory: this.#directory,
        writer,
        ...this.#server.identity,
        slotsBefore: this.#lastSlots,
        walsender: this.#server.walsender,
        connection: this.#server.connection,
        lock: joined.lock,
        claimedAtMs,
        drain: () => this.#drain(),
        signal: this.#signal,
      });
    } catch (error) {
      this.#requests.fail(error);
      throw error;
    } finally {
      this.#stop.abort();
      this.#requests.fail(sessionEnded());
      await Promise.allSettled([
        nodes.close(),
        slots.close(),
        ...this.#workers.map((part) => part.close()),
        this.#sessions.close(),
        writer?.close(),
      ]);
    }
  }

  get #workers() {
    return [this.#creations, this.#plugins, this.#mover, this.#restart];
  }

  /** What was published on the line of descent that this standby replays. */
  line(): PublishedLine {
    const { history } = this.#server;
    return history === undefined ? emptyLine : this.#feed.publishedOn(history);
  }

  /** Whether this process has written the record of its node, so that one of another process there is of its successor. */
  get isOnRecord(): boolean {
    const { own } = this.#directory;
    return own?.role === 'standby' && own.instance === this.#options.instance;
  }

  /** Ends the present pause. */
  wake(): void {
    this.#doorbell.ring();
  }

  /** Has the loop answer a request between two rounds, which are carried out without regard to the budget until then. */
  ask(request: SessionRequest): void {
    if (this.#stop.signal.aborted) {
      request.fail(sessionEnded());
      return;
    }
    this.#requests.add(request);
    this.#doorbell.ring();
  }

  /** What requests look into. */
  get parts() {
    const taken = (): bigint => this.#feed.reader.taken;
    return { feed: this.#feed, directory: this.#directory, sessions: this.#sessions, taken };
  }

  /** Waits until all that the slots topic has now is taken. */
  async #drain(): Promise<void> {
    const { log, slotsTopic } = this.#options.topics;
    const end = await log.endOffset(slotsTopic);
    using deadline = new Deadline(this.#signal, HAND_OFF_DRAIN_MS);
    while (this.#feed.reader.taken < end) {
      await this.#doorbell.wait(HAND_OFF_DRAIN_MS, deadline.signal);
    }
  }

  #tookSlots(): void {
    this.#options.metrics.appliedOffset.set(Number(this.#feed.reader.taken));
    this.#doorbell.ringForRecords();
  }

  async #work(writer: LogWriter): Promise<void> {
    const { clock, status } = this.#options;
    const runner = this.#runner(writer);
    const reporter = this.#reporter(writer);
    const unreadable = new UnreadableSlots(this.#options.logger);
    for (;;) {
      const started = clock.monotonicMs();
      this.#restart.looks(this.#mover.underWay);
      const view = await this.#server.look(this.#signal);
      const lookMs = clock.monotonicMs() - started;
      if (view === undefined) {
        return;
      }
      const { history } = view;
      await forgetLeftTimeline({ directory: this.#directory, writer, history, time: clock.now() });
      unreadable.take(view.unreadable);
      this.#lastSlots = view.slots;
      const manifest = this.#feed.newestManifest;
      this.#plugins.look(view.slots);
      this.#lineage.check(manifest, this.#server.identity.systemIdentifier);
      const settled = this.#feed.settle(view);
      const alarm = this.#doubts.alarm(manifest, view, this.#directory.nodes);
      const planned = alarm === undefined ? this.#planner.plan(view, settled, this.#underWay()) : undefined;
      this.#doubts.planned(planned, alarm, manifest);
      const next = planned ?? emptyPlan;
      const { isWaiting: urgent } = this.#requests;
      this.#restart.planned(planned && { view, desired: settled.desired, plan: planned, urgent });
      const outcome = await runner.run(next, view, settled.desired, { urgent });
      await this.#restart.record(writer);
      this.#canary.measure({ view, advanced: outcome.advanced, ownership: this.#directory.ownership });
      const searching = this.#creations.searching || this.#restart.searching;
      await reporter.write(planned, view, settled, searching || this.#planner.wantsWal);
      this.#options.progressed();
      const { decodingSlots } = reporter;
      status.looked({ plan: next, view, settled, feed: this.#feed, alarm, decodingSlots });
      await this.#requests.answer({ view, settled, alarm, plan: next, writer, outcome });
      const moved = outcome.advancesLeft || outcome.advanced.length > 0;
      this.#rest.took(clock.monotonicMs() - started, { stepped: outcome.stepped, moved, urgent });
      if (!outcome.stepped) {
        const { isWaiting } = this.#requests;
        const advances = outcome.advancesLeft ? this.#advances() : undefined;
        const reportDueMs = reporter.untilDue();
        await this.#rest.rest({ view, settled, lookMs, urgent: isWaiting, advances, reportDueMs });
      }
    }
  }

  #underWay(): WorkUnderWay {
    const held = this.#failures.held();
    this.#creations.direct.forEach((slot) =>
      held.set(slot, {
        reasons: [reason('under_way'), waitsForTransactions(this.#planner.oldestTransaction)],
        pausing: true,
        cause: 'passing',
      }),
    );
    const { remaking, held: upkeep } = this.#restart.underWay(this.#mover.underWay);
    upkeep.forEach((hold, slot) => held.set(slot, hold));
    const { probes, anchor } = this.#creations;
    return { probes, anchor, held, unloadable: this.#plugins.unloadable, remaking };
  }

  /** When advances that are left may go on. */
  #advances() {
    return { quiet: this.#sessions.quiet, waitMs: this.#mover.waitMs() };
  }

  #runner(writer: LogWriter): ActionRunner {
    return new ActionRunner({
      ...this.#options,
      directory: this.#directory,
      writer,
      sessions: this.#sessions,
      creations: this.#creations,
      mover: this.#mover,
      failures: this.#failures,
      doorbell: this.#doorbell,
      signal: this.#signal,
    });
  }

  #reporter(writer: LogWriter): StatusWriter {
    const describe = (view: StandbyView): Omit<NodeStatus, 'wantsStandbySnapshot' | 'time'> => ({
      kind: 'node',
      node: this.#options.node,
      role: 'standby',
      instance: this.#options.instance,
      version: this.#options.version,
      ...this.#server.identity,
      timeline: view.history.timeline,
      replayLsn: view.replayLsn,
      receiveLsn: view.receiveLsn,
      upstream: view.settings.upstream,
      primarySlotName: view.settings.primarySlotName,
      hotStandbyFeedback: view.settings.hotStandbyFeedback,
      physicalSlots: physicalSlotPins(view.slots),
      unreadableSlots: view.unreadable,
      lineage: this.#lineage.current,
      canary: this.#canary.last,
      restartBacklog: this.#restart.backlog,
      alarm: this.#doubts.unsure,
    });
    return new StatusWriter({
      ...this.#options,
      directory: this.#directory,
      writer,
      describe,
      decodingReason: (slot) =>
        isLogical(slot) ? this.#mover.decodingReason(slot.name, databaseOf(slot)) : undefined,
    });
  }
}

function sessionEnded(): SlotcastError {
  return new SlotcastError('SC_NOT_FOLLOWING', 'the consumer stopped following before it could answer');
}
