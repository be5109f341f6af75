import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Hold,
  type PlanPolicy,
  type ProofOutcome,
  parseSlotName,
  type SlotName,
} from '@slotcast/domain';
import { type LogWriter, MemoryLog, topicNames } from '@slotcast/event-log';
import { createCodec } from '@slotcast/event-schema';
import { SlotProofs } from '@slotcast/following';
import { Doorbell, systemClock } from '@slotcast/kernel';
import { createConsumerMetrics, createLogger, createPublisherMetrics } from '@slotcast/observability';
import { connectPostgres, observeStandby, type PostgresConnection } from '@slotcast/postgres';
import { createPublisher } from '@slotcast/publishing';
import { type PostgresServer, waitUntil } from '@slotcast/testkit';
import { NodeDirectory, NodesReader, SlotsFeed, serviceTopics } from '@slotcast/topics';
import { ROLE } from './scene.ts';

const CLUSTER = 'orders';
const NODE = 's1';
const LOOK_MS = 20;
const BYTES = 64n * 1024n * 1024n;
const { slots: slotsTopic, nodes: nodesTopic } = topicNames('slotcast', CLUSTER);
const logger = createLogger({ level: 'silent', fields: {} });

const policy: PlanPolicy = {
  wanted: () => true,
  filter: { text: 'name_like:%', confirmed: true },
  dropExtraSlots: true,
  onConflict: 'report',
  allowedPlugins: ['pgoutput', 'test_decoding'],
  limits: { maxLagBytes: 1n, maxLagMs: 1, heartbeatStaleMs: 1 },
  advanceStepBytes: 1n,
};

/**
 * A standby whose copies are proven with a real publisher on the other side. No consumer keeps its slots, so that a copy that somebody made wrong stays so until it was looked
 * at.
 */
export class VerifyScene {
  readonly #log = new MemoryLog();
  readonly #codec = createCodec();
  readonly #stop = new AbortController();
  readonly #doorbell = new Doorbell();
  readonly #directory: NodeDirectory;
  readonly #feed: SlotsFeed;
  readonly #proofs: SlotProofs;
  /** The same as somebody asks, and one that works by itself. */
  readonly #all: SlotProofs[];
  readonly #prover: (intervalMs: number | undefined) => SlotProofs;
  readonly #connection: PostgresConnection;
  readonly #writer: LogWriter;
  readonly #running: Promise<unknown>[] = [];
  #publisher: { readonly stop: AbortController; readonly running: Promise<void> } | undefined;

  private constructor(
    standby: PostgresServer,
    log: MemoryLog,
    connection: PostgresConnection,
    writer: LogWriter,
  ) {
    this.#log = log;
    this.#connection = connection;
    this.#writer = writer;
    const { signal } = this.#stop;
    const metrics = createConsumerMetrics({ version: '0.0.0', node: NODE, cluster: CLUSTER });
    const access = { log, codec: this.#codec, slotsTopic, nodesTopic };
    const topics = serviceTopics({ ...access, clock: systemClock, logger, metrics });
    const reader = new NodesReader(topics, { slotsOf: NODE });
    this.#directory = new NodeDirectory({ ...topics, node: NODE, reader });
    this.#feed = new SlotsFeed(topics);
    this.#prover = (verifyIntervalMs) =>
      new SlotProofs({
        postgres: { url: standby.url('postgres', ROLE), applicationName: 'slotcast-test' },
        directory: this.#directory,
        policy,
        verifyIntervalMs,
        ring: () => this.#doorbell.ring(),
        metrics,
        clock: systemClock,
        logger,
        signal,
      });
    this.#proofs = this.#prover(undefined);
    this.#all = [this.#proofs];
  }

  static async start(standby: PostgresServer): Promise<VerifyScene> {
    const log = new MemoryLog();
    for (const topic of [slotsTopic, nodesTopic]) {
      await log.createTopic({ topic, partitions: 1, replicationFactor: 1, config: new Map() });
    }
    const url = standby.url('postgres', ROLE);
    const connection = await connectPostgres({ url, applicationName: 'slotcast-test' });
    const scene = new VerifyScene(standby, log, connection, await log.claim('consumer'));
    const { signal } = scene.#stop;
    await scene.#feed.reader.replay(signal);
    await scene.#directory.reader.replay(signal);
    scene.#running.push(
      scene.#feed.reader.follow(signal, () => undefined),
      scene.#directory.reader.follow(signal, (records) =>
        scene.#all.forEach((proofs) => proofs.hear(records)),
      ),
      scene.#rounds(),
    );
    return scene;
  }

  /** Has a publisher publish this server; one that published before is stopped first. */
  async publish(server: PostgresServer): Promise<void> {
    await this.#stopPublisher();
    const node = server.name;
    const publisher = createPublisher({
      node,
      cluster: CLUSTER,
      slotsTopic,
      nodesTopic,
      version: '0.0.0',
      takeOver: true,
      demotionWaitMs: 0,
      policy,
      onDivergence: 'fence',
      pollMinMs: 20,
      pollMaxMs: 100,
      maxEventsPerSecond: 500,
      orphanRetentionMs: undefined,
      canary: false,
      postgres: { url: server.url('postgres', ROLE), applicationName: 'publisher' },
      log: this.#log,
      codec: this.#codec,
      verifyTopics: () => Promise.resolve(),
      explainError: (error) => error,
      metrics: createPublisherMetrics({ version: '0.0.0', node, cluster: CLUSTER }),
      logger,
      clock: systemClock,
    });
    const stop = new AbortController();
    this.#publisher = { stop, running: publisher.run(stop.signal) };
  }

  /** Records the copies as those of the slots that this node publishes now. */
  async own(names: readonly string[], node: string): Promise<void> {
    const manifest = await waitUntil(
      () => {
        const newest = this.#feed.newestManifest;
        const published = newest?.slots.map(({ name }): string => name) ?? [];
        return newest?.node === node && names.every((name) => published.includes(name)) ? newest : undefined;
      },
      { describe: `the slots ${names.join(', ')} in a manifest of ${node}` },
    );
    const slots = manifest.slots
      .filter(({ name }) => names.includes(name))
      .map(({ name, incarnation }) => ({
        kind: 'node_slot' as const,
        node: NODE,
        slot: name,
        role: 'standby' as const,
        ownership: { incarnation, lineage: manifest.lineage, proven: true },
        state: 'ready' as const,
        reasons: [],
        time: 0,
      }));
    await this.#directory.write(this.#writer, { slots, time: 0 });
  }

  verify(name: string): Promise<ProofOutcome> {
    return this.#proofs.prove({ slot: parseSlotName(name), bytes: BYTES }, this.#stop.signal);
  }

  /** The copies that are proven when somebody asks for all. */
  get candidates(): readonly string[] {
    return this.#proofs.candidates;
  }

  /** What the next plan is told of copies. */
  get holds(): ReadonlyMap<string, Hold> {
    const held = new Map<SlotName, Hold>();
    this.#all.forEach((proofs) => proofs.hold(held));
    return held;
  }

  /** What the topics hold now of the node's promotion, and of orphaned slots. */
  get recordedPromotion() {
    const { nodes } = this.#directory.reader;
    return { promotion: nodes.get(NODE)?.promotion, orphans: this.#feed.newestManifest?.orphans ?? [] };
  }

  /** From here on all copies are proven without anybody's asking. */
  repeat(intervalMs: number): void {
    this.#all.push(this.#prover(intervalMs));
  }

  /** What is on record of a proof of the copy. */
  recorded(name: string) {
    return this.#directory.written.get(parseSlotName(name))?.proof;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stopPublisher();
    await Promise.all(this.#all.map((proofs) => proofs.close()));
    this.#stop.abort();
    await Promise.allSettled(this.#running);
    await this.#connection.close();
  }

  async #stopPublisher(): Promise<void> {
    this.#publisher?.stop.abort();
    await this.#publisher?.running;
  }

  /** What the consumer's loop does for proofs. */
  async #rounds(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const view = await observeStandby(this.#connection, signal);
      if (view.inRecovery) {
        const manifest = this.#feed.newestManifest;
        this.#all.forEach((proofs) =>
          proofs.looked({ view, furthest: new Map(), manifest, alarm: undefined }),
        );
      }
      for (const proofs of this.#all) {
        await proofs.record(this.#writer);
      }
      await sleep(LOOK_MS);
    }
  }
}
