import type { DivergencePolicy, PlanPolicy, PreparedPromotion } from '@slotcast/domain';
import { checkTopic, type EventLog, requiredTopicConfig, topicNames } from '@slotcast/event-log';
import { type ConsumerControl, createConsumer } from '@slotcast/following';
import { exitCodeOf, exitCodes, type LogLevel, SlotcastError } from '@slotcast/kernel';
import { createConsumerMetrics, createPublisherMetrics } from '@slotcast/observability';
import { createPublisher } from '@slotcast/publishing';
import { sharedCodec } from '../log/cached-codec.ts';
import { SimBroker } from '../log/sim-broker.ts';
import { SimLog } from '../log/sim-log.ts';
import type { Note, ServiceName, SimServer } from '../types.ts';
import { explainError } from './explain.ts';
import { noteLogger } from './note-logger.ts';
import type { Process } from './process.ts';
import { processClock } from './process-clock.ts';
import type { SimWorld } from './sim-world.ts';

const CLUSTER = 'sim';
const BROKERS = { brokers: 1 };
const MIB = 1024n * 1024n;
/** After a death a service is there again within this, as `RestartSec` of systemd says. */
const RESTART_MS = [100, 5_000] as const;

/** How long a preparation may take, as the command's default is. */
const PREPARE_MS = 10_000;

/** What `SLOTCAST_DEMOTION_WAIT` is by default. */
const DEMOTION_WAIT_MS = 30_000;

/** Made once for all worlds: nobody reads them. */
const BUILD = { version: '0', node: 'sim', cluster: CLUSTER };
const publisherMetrics = createPublisherMetrics(BUILD);
const consumerMetrics = createConsumerMetrics(BUILD);

interface ServiceSettings {
  readonly onDivergence: DivergencePolicy;
  /** Names of the slots that a node wants; all of them on a node that is not here. */
  readonly wanted?: Readonly<Record<string, readonly string[]>>;
  readonly pollMs: { readonly min: number; readonly max: number };
  /** `warn` by default. */
  readonly logLevel?: LogLevel;
}

export interface NodeServicesOptions {
  readonly world: SimWorld;
  readonly servers: ReadonlyMap<string, SimServer>;
  readonly settings: ServiceSettings;
  readonly onNote: (note: Note) => void;
}

/** The publishers and consumers of all nodes with their brokers, as an operating system runs them: who dies is started again. */
export class NodeServices {
  readonly broker: SimBroker;
  readonly topics = topicNames('slotcast', CLUSTER);
  readonly #options: NodeServicesOptions;
  readonly #processes = new Map<string, Process>();
  /** What the nodes keep on disk. */
  readonly #states = new Map<string, string>();
  /** Of the consumers that were started last, by node. */
  readonly #controls = new Map<string, ConsumerControl>();
  /** When nodes without a running service got one again. */
  readonly #attendedAgainAt = new Map<string, number>();
  #starts = 0;

  constructor(options: NodeServicesOptions) {
    const { world } = options;
    this.#options = options;
    this.broker = new SimBroker(world, () => world.wallMsOf('kafka'));
    for (const topic of Object.values(this.topics)) {
      const config = requiredTopicConfig(BROKERS);
      this.broker.createTopic({ topic, partitions: 1, replicationFactor: 1, config });
    }
  }

  /** The service as it runs now; `undefined` between a death and the next start. */
  process(node: string, service: ServiceName): Process | undefined {
    const process = this.#processes.get(nameOf(node, service));
    return process?.state === 'dead' ? undefined : process;
  }

  start(node: string, service: ServiceName): void {
    const name = nameOf(node, service);
    const { world, servers } = this.#options;
    const server = servers.get(node);
    if (server === undefined || this.process(node, service) !== undefined) {
      return;
    }
    this.#starts += 1;
    this.#attends(node);
    const process = world.spawn(name, node);
    this.#processes.set(name, process);
    const run = async (): Promise<void> => {
      try {
        await this.#make(service, server, process).run(new AbortController().signal);
      } catch (error) {
        this.#onExit(node, service, { process, error });
      }
    };
    world.after(0, run, process);
  }

  /** As by SIGKILL. It is started again unless it `stays` down. */
  kill(node: string, service: ServiceName, stays: boolean): void {
    this.process(node, service)?.kill();
    if (!stays) {
      this.#startLater(node, service);
    }
  }

  /** Asks the consumer of a node whether it may be promoted. One that does not run, dies or cannot tell gives no answer. */
  prepare(node: string, onAnswer: (prepared: PreparedPromotion) => void): void {
    const { world } = this.#options;
    const process = this.process(node, 'consumer');
    const control = this.#controls.get(node);
    if (process === undefined || control === undefined) {
      return;
    }
    const { signal } = new AbortController();
    const ask = async (): Promise<void> => {
      try {
        onAnswer(await control.prepare(PREPARE_MS, signal));
      } catch (thrown) {
        const error = explainError(thrown);
        // One with a code says why there is no answer, and the command does not end with 0.
        if (!(error instanceof SlotcastError)) {
          world.fail(
            new Error(`prepare-promotion of ${node} met an error that it does not know`, { cause: error }),
          );
        }
      }
    };
    world.after(0, ask, process);
  }

  /** Until when no service of the node was running, the last time: now, while none is. */
  unattendedUntil(node: string): number {
    return this.#isAttended(node) ? (this.#attendedAgainAt.get(node) ?? 0) : this.#options.world.now;
  }

  freeze(node: string, service: ServiceName): void {
    this.process(node, service)?.freeze();
  }

  wake(node: string, service: ServiceName): void {
    const process = this.process(node, service);
    if (process !== undefined) {
      this.#attends(node);
      this.#options.world.wake(process);
    }
  }

  /** To be called before a service of the node runs, as from now on somebody can tell what there is to tell. */
  #attends(node: string): void {
    if (!this.#isAttended(node)) {
      this.#attendedAgainAt.set(node, this.#options.world.now);
    }
  }

  #isAttended(node: string): boolean {
    return [...this.#processes.values()].some((each) => each.node === node && each.state === 'running');
  }

  #onExit(
    node: string,
    service: ServiceName,
    { process, error }: { readonly process: Process; readonly error: unknown },
  ): void {
    const { world, onNote } = this.#options;
    onNote({ kind: 'exit', at: world.now, process: process.name, error });
    process.kill();
    if (exitCodeOf(error) !== exitCodes.precondition.code) {
      this.#startLater(node, service);
    }
  }

  #startLater(node: string, service: ServiceName): void {
    const { world } = this.#options;
    const [low, high] = RESTART_MS;
    const drawn = world.chance('restart', nameOf(node, service), this.#starts);
    world.after(low + drawn * (high - low), () => this.start(node, service));
  }

  #make(
    service: ServiceName,
    server: SimServer,
    process: Process,
  ): { run(signal: AbortSignal): Promise<void> } {
    const { min: pollMinMs, max: pollMaxMs } = this.#options.settings.pollMs;
    const common = { ...this.#commonOptions(service, server, process), pollMaxMs };
    if (service === 'publisher') {
      return createPublisher({
        ...common,
        takeOver: false,
        demotionWaitMs: DEMOTION_WAIT_MS,
        pollMinMs,
        maxEventsPerSecond: 500,
        orphanRetentionMs: undefined,
        canary: false,
        metrics: publisherMetrics,
      });
    }
    const restartGapBytes = 64n * MIB;
    const consumer = createConsumer({
      ...common,
      advanceDuty: 0.25,
      verifyIntervalMs: undefined,
      restartGapBytes,
      metrics: consumerMetrics,
    });
    this.#controls.set(server.node, consumer.control);
    return consumer;
  }

  #commonOptions(service: ServiceName, server: SimServer, process: Process) {
    const { world, settings, onNote } = this.#options;
    const { node } = server;
    const log = new SimLog(this.broker, { world, process, link: world.link(`kafka:${process.name}`) });
    const { slots: slotsTopic, nodes: nodesTopic } = this.topics;
    const level = settings.logLevel ?? 'warn';
    return {
      node,
      cluster: CLUSTER,
      version: BUILD.version,
      policy: this.#policyOf(node),
      onDivergence: settings.onDivergence,
      stateFile: {
        read: () => Promise.resolve(this.#states.get(node)),
        write: (text: string) => {
          this.#states.set(node, text);
          return Promise.resolve();
        },
      },
      slotsTopic,
      nodesTopic,
      postgres: {
        applicationName: `slotcast-${service}`,
        sessions: { connect: server.connect.bind(server, process) },
      },
      log,
      codec: sharedCodec,
      verifyTopics: () => verifyTopics(log, [slotsTopic, nodesTopic]),
      explainError,
      logger: noteLogger({ level, process: process.name, now: () => world.now, onNote }),
      clock: processClock(world, process),
    };
  }

  #policyOf(node: string): PlanPolicy {
    const names = this.#options.settings.wanted?.[node];
    return {
      wanted: ({ name }) => names?.includes(name) ?? true,
      filter: { text: names?.join(',') ?? '*', confirmed: true },
      dropExtraSlots: true,
      onConflict: 'report',
      allowedPlugins: ['pgoutput'],
      limits: { maxLagBytes: 1024n * MIB, maxLagMs: 30_000, heartbeatStaleMs: 30_000 },
      advanceStepBytes: 16n * MIB,
    };
  }
}

function nameOf(node: string, service: ServiceName): string {
  return `${service}@${node}`;
}

/** As the command line does before each attempt. */
async function verifyTopics(log: EventLog, topics: readonly string[]): Promise<void> {
  await log.brokerCount();
  for (const topic of topics) {
    const finding = checkTopic(await log.describeTopic(topic), topic, BROKERS).find(
      ({ severity }) => severity === 'fatal',
    );
    if (finding !== undefined) {
      throw new SlotcastError('SC_TOPIC_MISSING', finding.message, { mayPass: true });
    }
  }
}
