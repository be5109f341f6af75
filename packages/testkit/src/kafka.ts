import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ManagedProcess } from './child-process.ts';
import { freePort } from './free-port.ts';
import { javaOptions, kafkaClassArchive, kafkaClassPath, PLAIN_JAVA_OPTIONS } from './kafka-libraries.ts';
import { type KafkaPorts, kafkaServerProperties } from './kafka-settings.ts';
import { formatStorage } from './kafka-storage.ts';
import { temporaryFolder } from './run-folder.ts';
import { waitUntil } from './wait-until.ts';

export interface KafkaOptions {
  /** Fresh ones by default. */
  readonly ports?: KafkaPorts;
  /** An empty folder for the broker's data, which then is the caller's to remove; a temporary one by default. */
  readonly dataDir?: string;
  /** Options for its Java machine in place of those that it has by default. */
  readonly javaOptions?: readonly string[];
  /** Broker settings by their names in `server.properties`. */
  readonly settings?: Readonly<Record<string, string>>;
}

const STARTED = 'Kafka Server started';
const START_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 30_000;

/** A real Apache Kafka of one process on 127.0.0.1 that ends with the process that started it. */
export class KafkaServer {
  readonly bootstrapServers: string;
  readonly #folder: string;
  readonly #javaOptions: readonly string[];
  #process: ManagedProcess | undefined;
  #starts = 0;

  private constructor(folder: string, ports: KafkaPorts, options: readonly string[]) {
    this.#folder = folder;
    this.#javaOptions = options;
    this.bootstrapServers = `127.0.0.1:${ports.broker}`;
  }

  /** Formats the data folder and starts the broker. Throws with the broker's output when it does not come up. */
  static async create(options: KafkaOptions): Promise<KafkaServer> {
    const ports = options.ports ?? { broker: await freePort(), controller: await freePort() };
    const folder = await temporaryFolder('kafka');
    const dataFolder = options.dataDir ?? join(folder, 'data');
    const propertiesFile = join(folder, 'server.properties');
    await mkdir(dataFolder, { recursive: true });
    await writeFile(
      propertiesFile,
      kafkaServerProperties({ ports, dataFolder, settings: options.settings ?? {} }),
    );
    await formatStorage({ folder, propertiesFile, dataFolder });
    const server = new KafkaServer(folder, ports, options.javaOptions ?? javaOptions());
    await server.start();
    return server;
  }

  get isRunning(): boolean {
    return this.#process?.isRunning === true;
  }

  /** Starts the broker again after `stop` or `kill`, on the same ports and data. */
  async start(): Promise<void> {
    if (this.isRunning) {
      throw new Error(`Kafka at ${this.bootstrapServers} runs already`);
    }
    this.#starts += 1;
    const logFile = join(this.#folder, `broker-${this.#starts}.log`);
    const broker = await ManagedProcess.start({
      command: 'java',
      arguments: [
        ...this.#javaOptions,
        '-cp',
        kafkaClassPath(),
        'kafka.Kafka',
        join(this.#folder, 'server.properties'),
      ],
      folder: this.#folder,
      logFile,
    });
    this.#process = broker;
    await waitUntil(async () => (await readFile(logFile, 'utf8')).includes(STARTED) || !broker.isRunning, {
      timeoutMs: START_TIMEOUT_MS,
      describe: `Kafka at ${this.bootstrapServers} to start (its output is in ${logFile})`,
    });
    if (!broker.isRunning) {
      const output = (await broker.log()).slice(-4_000);
      throw new Error(
        `Kafka at ${this.bootstrapServers} ended with code ${broker.exitCode} at its start:\n${output}`,
      );
    }
  }

  /** Shuts the broker down in order. */
  async stop(): Promise<void> {
    await this.#process?.stop('SIGTERM', STOP_TIMEOUT_MS);
  }

  /** Ends the broker with SIGKILL, as a crash would. */
  async kill(): Promise<void> {
    this.#process?.signal('SIGKILL');
    await this.#process?.waitForExit();
  }

  /** Halts the broker with SIGSTOP: connections stay open and nothing answers. */
  pause(): void {
    this.#process?.signal('SIGSTOP');
  }

  resume(): void {
    this.#process?.signal('SIGCONT');
  }

  /** What the broker has written since its last start. */
  async log(): Promise<string> {
    return (await this.#process?.log()) ?? '';
  }

  /** Ends the broker and removes its temporary folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Starts a broker of its own for a test that stops, kills or reconfigures it. Takes about five seconds. */
export function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  return KafkaServer.create(options);
}

/**
 * Keeps what Java makes of Kafka's classes for every later broker of this checkout, unless that was done: its start then costs half the
 * processor time. Takes about ten seconds.
 */
export async function shareKafkaClasses(): Promise<void> {
  const archive = kafkaClassArchive();
  if (existsSync(archive)) {
    return;
  }
  // It gets its name when it is complete.
  const partial = `${archive}-${process.pid}`;
  await using kafka = await startKafka({
    javaOptions: [...PLAIN_JAVA_OPTIONS, `-XX:ArchiveClassesAtExit=${partial}`],
  });
  await kafka.stop();
  await rename(partial, archive);
}

let shared: Promise<KafkaServer> | undefined;

/**
 * Bootstrap servers of the broker that all tests share: the one named by `SLOTCAST_TEST_KAFKA`, or else one that is
 * started at the first call and ends with this process. Use names of your own in it.
 */
export async function sharedKafka(): Promise<string> {
  const given = process.env['SLOTCAST_TEST_KAFKA'];
  if (given !== undefined && given !== '') {
    return given;
  }
  shared ??= startKafka();
  return (await shared).bootstrapServers;
}

/** A topic prefix that no other test uses. */
export function uniqueTopicPrefix(): string {
  return uniqueName('slotcast_test');
}

/** A name that no other test uses, of `a-z`, `0-9` and `_` when the label is. */
export function uniqueName(label: string): string {
  return `${label}_${randomBytes(5).toString('hex')}`;
}
