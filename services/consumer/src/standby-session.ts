import {
  findPin,
  type Manifest,
  type NodeStatus,
  type Plan,
  type PlanPolicy,
  plan,
  restPause,
  type SettledBacklog,
  type SlotEvent,
  type SlotName,
  type SystemIdentifier,
  usualDuration,
} from '@slotcast/domain';
import {
  type EventLog,
  type LogReader,
  type LogRecord,
  type LogWriter,
  readTo,
  replayTopic,
} from '@slotcast/event-log';
import type { Codec } from '@slotcast/event-schema';
import { classifyPostgresError, dropSlot, isPostgresError, type PostgresOptions } from '@slotcast/postgres';
import { type Clock, type ConsumerMetrics, Doorbell, type Logger, SlotcastError } from '@slotcast/runtime';
import { ActionRunner } from './action-runner.ts';
import { Advancer } from './advancer.ts';
import type { ConsumerStatus } from './consumer-status.ts';
import { Creations } from './creations.ts';
import { DatabaseSessions } from './database-sessions.ts';
import { NodeDirectory } from './node-directory.ts';
import { SlotFailures } from './slot-failures.ts';
import { SlotsFeed } from './slots-feed.ts';
import type { StandbyServer, StandbyView } from './standby-server.ts';
import { StatusWriter } from './status-writer.ts';

export interface StandbySessionOptions {
  readonly node: string;
  readonly cluster: string;
  readonly version: string;
  readonly instance: string;
  readonly slotsTopic: string;
  readonly nodesTopic: string;
  readonly policy: PlanPolicy;
  readonly advanceDuty: number;
  readonly postgres: PostgresOptions;
  readonly log: EventLog;
  readonly codec: Codec;
  readonly metrics: ConsumerMetrics;
  readonly status: ConsumerStatus;
  /** Called when the session works, so that the back-off of failures starts anew. */
  readonly progressed: () => void;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** While events wait for replay, the standby is looked at this often at first, then ever less often up to the longest pause. */
const WAITING_MS = 2;
const IDLE_MS = 500;
/** The end of recovery is noticed within this time, however long a pause is. */
const RECOVERY_CHECK_MS = 100;
/** The same while slots advance once a second only. */
const LOUD_PAUSE_MS = 100;
/** Share of the time that looking at the server may take. */
const LOOK_TIMES = 4;

/** One stretch of time in which this node's server is a standby: replays both topics, then follows them. */
export class StandbySession {
  readonly #options: StandbySessionOptions;
  readonly #server: StandbyServer;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #feed: SlotsFeed;
  readonly #directory: NodeDirectory;
  readonly #doorbell = new Doorbell();
  readonly #sessions: DatabaseSessions;
  readonly #failures: SlotFailures;
  readonly #creations: Creations;
  readonly #advancer: Advancer;
  readonly #unprovenSince = new Map<SlotName, number>();
  #lineage: string | undefined;
  #following = false;
  #waitMs = WAITING_MS;
  /** What a look and the plan made of it usually take. */
  #roundMs = 1;

  constructor(options: StandbySessionOptions, server: StandbyServer, outerSignal: AbortSignal) {
    const { node, nodesTopic, clock, logger, metrics, postgres, advanceDuty } = options;
    this.#options = options;
    this.#server = server;
    const signal = AbortSignal.any([outerSignal, this.#stop.signal]);
    this.#signal = signal;
    this.#feed = new SlotsFeed(options);
    this.#directory = new NodeDirectory({ ...options, node, topic: nodesTopic });
    this.#sessions = new DatabaseSessions(postgres, logger, signal);
    this.#failures = new SlotFailures(clock, logger, Math.random);
    this.#creations = new Creations({
      sessions: this.#sessions,
      doorbell: this.#doorbell,
      onFailure: (slot, error) => this.#failures.failed(slot, 'making the slot', error),
      signal,
    });
    this.#advancer = new Advancer({
      sessions: this.#sessions,
      failures: this.#failures,
      clock,
      metrics,
      duty: advanceDuty,
      signal,
    });
  }

  /**
   * Resolves when the server has left recovery. Rejects with what ends the session early, or with the signal's reason. `fenced` tells
   * that the last session of this process lost the claim: then another process of this node goes first.
   */
  async run(systemIdentifier: SystemIdentifier, fenced: boolean): Promise<void> {
    const { log, cluster, node, nodesTopic, slotsTopic } = this.#options;
    const readers: LogReader[] = [];
    let writer: LogWriter | undefined;
    try {
      const takeNodes = (records: readonly LogRecord[]): Promise<void> =>
        this.#directory.take(records, false);
      const nodes = await this.#replay(nodesTopic, takeNodes);
      readers.push(nodes);
      this.#refuseOtherInstance(fenced);
      // The claim fences an earlier process of this node; only then is the end of its records final.
      writer = await log.claim(`slotcast.${cluster}.node.${node}`);
      const end = await log.endOffset(nodesTopic);
      await readTo({ reader: nodes, end, onRecords: takeNodes, signal: this.#signal });
      this.#lineage = this.#directory.nodes.get(node)?.lineage;
      const slots = await this.#replay(slotsTopic, (records) => this.#feed.take(records, false));
      readers.push(slots);
      this.#options.logger.info({ owned: this.#directory.ownership.size }, 'replayed the topics');
      await Promise.race([
        this.#follow(nodes, (records) => this.#directory.take(records, true)),
        this.#follow(slots, async (records) => {
          await this.#feed.take(records, true);
          this.#options.metrics.appliedOffset.set(Number(slots.position));
        }),
        this.#work(systemIdentifier, writer),
      ]);
      await this.#dropUnproven();
    } finally {
      this.#stop.abort();
      await Promise.allSettled([
        ...readers.map((reader) => reader.close()),
        this.#creations.close(),
        this.#sessions.close(),
        writer?.close(),
      ]);
    }
  }

  /** Two consumers of one node would fence each other for ever, so the one that was fenced stops. */
  #refuseOtherInstance(fenced: boolean): void {
    const { node, instance } = this.#options;
    const other = this.#directory.nodes.get(node)?.instance;
    if (fenced && other !== undefined && other !== instance) {
      throw new SlotcastError(
        'SC_DUPLICATE_NODE',
        `another consumer of node ${node} (instance ${other}) took over from this one (instance ${instance})`,
      );
    }
  }

  /** After a promotion a two_phase slot that its consumer has not passed would lose changes under its real name. */
  async #dropUnproven(): Promise<void> {
    const { logger } = this.#options;
    for (const [slot, { proven }] of this.#directory.ownership) {
      if (!proven && (await this.#dropIfHere(slot))) {
        logger.error({ slot }, 'dropped a two_phase slot that was not safe to use at the promotion');
      }
    }
  }

  async #dropIfHere(slot: SlotName): Promise<boolean> {
    try {
      await dropSlot(await this.#sessions.main(), slot, this.#signal);
      return true;
    } catch (error) {
      if (isPostgresError(error) && classifyPostgresError(error).class === 'stale') {
        return false;
      }
      throw error;
    }
  }

  #replay(topic: string, onRecords: (records: readonly LogRecord[]) => Promise<void>): Promise<LogReader> {
    return replayTopic({ log: this.#options.log, topic, onRecords, signal: this.#signal });
  }

  async #follow(reader: LogReader, take: (records: readonly LogRecord[]) => Promise<void>): Promise<never> {
    for (;;) {
      const batch = await reader.next(this.#signal);
      await take(batch.records);
      this.#waitMs = WAITING_MS;
      this.#doorbell.ring();
    }
  }

  async #work(systemIdentifier: SystemIdentifier, writer: LogWriter): Promise<void> {
    const { clock, status } = this.#options;
    const runner = this.#runner(writer);
    const reporter = this.#reporter(writer, systemIdentifier);
    for (;;) {
      const started = clock.monotonicMs();
      const view = await this.#server.look(this.#signal);
      const lookMs = clock.monotonicMs() - started;
      if (view === undefined) {
        return;
      }
      const manifest = this.#feed.newestManifest;
      this.#checkManifest(manifest, systemIdentifier);
      const settled = this.#feed.settle(view);
      const next =
        settled.manifest === undefined
          ? { verdicts: [], idleProbes: [] }
          : this.#plan(view, settled, settled.manifest);
      this.#roundMs = usualDuration(this.#roundMs, clock.monotonicMs() - started);
      const outcome = await runner.run(next, view, settled.desired);
      await reporter.write(next, view, this.#creations.searching);
      this.#options.progressed();
      status.looked({ plan: next, view, settled, feed: this.#feed });
      if (!outcome.stepped) {
        const rest = { lookMs, advancesLeft: outcome.advancesLeft, waiting: settled.waiting.size > 0 };
        await this.#pause({ ...rest, atMostMs: reporter.untilDue() });
      }
    }
  }

  #plan(view: StandbyView, settled: SettledBacklog, manifest: Manifest): Plan {
    const { node, policy, clock } = this.#options;
    const { settings } = view;
    const held = this.#failures.held();
    this.#creations.direct.forEach((slot) =>
      held.set(slot, 'is being made, which waits for open transactions on the primary'),
    );
    this.#noteUnproven(view);
    return plan({
      desired: settled.desired,
      manifest,
      waiting: settled.waiting,
      replayLsn: view.replayLsn,
      local: view.slots,
      ownership: this.#directory.ownership,
      probes: this.#creations.probes,
      held,
      unprovenSince: this.#unprovenSince,
      pin: findPin({ node, ...settings }, newestEvents(settled), this.#directory.nodes),
      maxReplicationSlots: settings.maxReplicationSlots,
      syncReplicationSlots: settings.syncReplicationSlots,
      serverPlugins: settings.outputPluginLibraries,
      heartbeatAgeMs: this.#feed.heartbeatAgeMs(),
      policy,
      now: clock.now(),
    });
  }

  /** Remembers since when each two_phase slot stands here unsafe; a restart starts the time anew. */
  #noteUnproven(view: StandbyView): void {
    const unproven = view.slots.filter((slot) => this.#directory.ownership.get(slot.name)?.proven === false);
    const names = new Set(unproven.map((slot) => slot.name));
    [...this.#unprovenSince.keys()]
      .filter((name) => !names.has(name))
      .forEach((name) => this.#unprovenSince.delete(name));
    unproven
      .filter((slot) => slot.confirmedFlushLsn !== undefined && !this.#unprovenSince.has(slot.name))
      .forEach((slot) => this.#unprovenSince.set(slot.name, this.#options.clock.now()));
  }

  #checkManifest(manifest: Manifest | undefined, systemIdentifier: SystemIdentifier): void {
    if (manifest === undefined) {
      return;
    }
    const { slotsTopic, logger } = this.#options;
    if (manifest.systemIdentifier !== systemIdentifier) {
      throw new SlotcastError(
        'SC_OTHER_SYSTEM',
        `the topic ${slotsTopic} holds slots of system identifier ${manifest.systemIdentifier} (node ${manifest.node}), this server has ${systemIdentifier}`,
      );
    }
    if (this.#lineage === manifest.lineage) {
      this.#following = true;
      return;
    }
    if (this.#lineage !== undefined) {
      if (this.#following) {
        throw new SlotcastError(
          'SC_TOPIC_RECREATED',
          `the topic ${slotsTopic} was recreated while this consumer read it`,
        );
      }
      logger.error(
        { code: 'SC_TOPIC_RECREATED' },
        'the topic was recreated since this node last read it; its slots are adopted anew',
      );
    }
    this.#lineage = manifest.lineage;
    this.#following = true;
  }

  /** Waits for news: a record, replay that moves on, budget for advances; not so short that looking itself becomes a load. */
  async #pause(rest: {
    lookMs: number;
    advancesLeft: boolean;
    waiting: boolean;
    atMostMs: number;
  }): Promise<void> {
    const shortest = Math.min(rest.lookMs * LOOK_TIMES, IDLE_MS);
    await this.#options.clock.sleep(shortest, this.#signal);
    let wanted = restPause({ usualMs: this.#roundMs, idleMs: IDLE_MS });
    if (rest.waiting) {
      wanted = this.#waitMs;
      this.#waitMs = Math.min(this.#waitMs * 2, IDLE_MS);
    }
    if (rest.advancesLeft) {
      wanted = Math.min(wanted, this.#sessions.quiet ? this.#advancer.waitMs() : LOUD_PAUSE_MS);
    }
    await this.#waitForNews(Math.min(wanted, rest.atMostMs) - shortest);
  }

  async #waitForNews(ms: number): Promise<void> {
    const { clock } = this.#options;
    const until = clock.monotonicMs() + ms;
    for (let leftMs = ms; ; leftMs = until - clock.monotonicMs()) {
      const rung = await this.#doorbell.wait(Math.max(0, Math.min(leftMs, RECOVERY_CHECK_MS)), this.#signal);
      if (rung || leftMs <= RECOVERY_CHECK_MS || !(await this.#server.isStandby(this.#signal))) {
        return;
      }
    }
  }

  #runner(writer: LogWriter): ActionRunner {
    return new ActionRunner({
      ...this.#options,
      directory: this.#directory,
      writer,
      sessions: this.#sessions,
      creations: this.#creations,
      advancer: this.#advancer,
      failures: this.#failures,
      signal: this.#signal,
    });
  }

  #reporter(writer: LogWriter, systemIdentifier: SystemIdentifier): StatusWriter {
    const describe = (view: StandbyView): Omit<NodeStatus, 'wantsStandbySnapshot' | 'time'> => ({
      kind: 'node',
      node: this.#options.node,
      role: 'standby',
      instance: this.#options.instance,
      version: this.#options.version,
      systemIdentifier,
      timeline: view.history.timeline,
      serverVersion: this.#server.serverVersion,
      replayLsn: view.replayLsn,
      receiveLsn: view.receiveLsn,
      upstream: view.settings.upstream,
      primarySlotName: view.settings.primarySlotName,
      hotStandbyFeedback: view.settings.hotStandbyFeedback,
      physicalSlots: view.slots
        .filter((slot) => slot.type === 'physical')
        .map(({ name, catalogXmin }) => ({ name, catalogXmin })),
      lineage: this.#lineage,
    });
    return new StatusWriter({ directory: this.#directory, writer, clock: this.#options.clock, describe });
  }
}

/** What holds back vacuum upstream is what is so there now, not at the point that replay has reached here. */
function newestEvents(settled: SettledBacklog): ReadonlyMap<SlotName, SlotEvent> {
  if (settled.waiting.size === 0) {
    return settled.desired;
  }
  const waiting = [...settled.waiting].map(([slot, { newest }]) => [slot, newest] as const);
  return new Map([...settled.desired, ...waiting]);
}
