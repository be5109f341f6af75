import { randomUUID } from 'node:crypto';
import type { Consumer, EachBatchPayload, IHeaders, KafkaMessage } from 'kafkajs';
import type { LogBatch, LogRecord } from '../event-log.ts';
import type { KafkaClient, KafkaContext } from './client.ts';

/** What a session tells the reader that owns it. */
export interface SessionListener {
  /** Where to read on; asked at every join of the group. */
  nextOffset(): bigint;
  /** Takes what was fetched. The session fetches no more until it resolves; `keepAlive` is for long waits. */
  onBatch(batch: LogBatch, keepAlive: () => Promise<void>): Promise<void>;
  /** A fetch was answered. */
  onAnswer(): void;
  /** The group was joined, or the connection to the brokers was made anew: is it still the same topic? */
  onReconnect(): void;
}

/** No fetch was answered for that long although none is held back: the consumer has come to a standstill. */
const STALL_TIMEOUT_MS = 30_000;
const STALL_CHECK_MS = 5_000;
const MAX_WAIT_MS = 500;
const HEARTBEAT_INTERVAL_MS = 3_000;
const SESSION_TIMEOUT_MS = 30_000;

/**
 * One kafkajs consumer, from its start to its first failure. It joins a group of its own that commits no offsets; such
 * a group is removed by the broker once it is empty. kafkajs may try again by itself for some seconds; whatever it
 * cannot fix in that time ends the session.
 */
export class KafkaSession {
  readonly groupId: string;
  /** Resolves with the reason when the session has failed. */
  readonly failed: Promise<Error>;
  readonly #client: KafkaClient;
  readonly #consumer: Consumer;
  readonly #topic: string;
  readonly #listener: SessionListener;
  readonly #watch: NodeJS.Timeout;
  #resolveFailed: (reason: Error) => void = () => undefined;
  #started: Promise<unknown> = Promise.resolve();
  #active = true;
  #joined = false;
  #holding = false;
  #answeredAt = performance.now();

  constructor(context: KafkaContext, topic: string, listener: SessionListener) {
    this.groupId = `${context.clientId}.${randomUUID()}`;
    this.#topic = topic;
    this.#listener = listener;
    this.failed = new Promise((resolve) => {
      this.#resolveFailed = resolve;
    });
    this.#client = context.newClient();
    this.#consumer = this.#client.kafka.consumer({
      groupId: this.groupId,
      allowAutoTopicCreation: false,
      minBytes: 1,
      maxWaitTimeInMs: MAX_WAIT_MS,
      sessionTimeout: SESSION_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_INTERVAL_MS,
      retry: {
        initialRetryTime: 50,
        maxRetryTime: 1_000,
        multiplier: 2,
        factor: 0.2,
        retries: 6,
        restartOnFailure: () => Promise.resolve(false),
      },
    });
    this.#watch = setInterval(() => this.#checkForStall(), STALL_CHECK_MS);
    this.#watch.unref();
  }

  /** Gives the session up for a reason that only its owner knows. */
  fail(reason: Error): void {
    this.#resolveFailed(reason);
  }

  /** Starts reading. Throws what kafkajs throws; later failures come through `failed`. */
  start(): Promise<void> {
    const started = this.#run();
    this.#started = started.catch(() => undefined);
    return started;
  }

  async #run(): Promise<void> {
    const consumer = this.#consumer;
    const { GROUP_JOIN, END_BATCH_PROCESS, FETCH, REQUEST, CRASH } = consumer.events;
    consumer.on(GROUP_JOIN, () => this.#onJoin());
    // A batch of nothing but control and aborted records is reported by this event alone.
    consumer.on(END_BATCH_PROCESS, ({ payload }) => this.#onPosition(BigInt(payload.lastOffset) + 1n));
    consumer.on(FETCH, () => this.#onAnswer());
    // kafkajs asks for the metadata again before it fetches over a new connection, and every five minutes.
    consumer.on(REQUEST, ({ payload }) => {
      if (payload.apiName === 'Metadata' && this.#active && this.#joined) {
        this.#listener.onReconnect();
      }
    });
    consumer.on(CRASH, ({ payload }) => this.fail(payload.error));
    await consumer.connect();
    await consumer.subscribe({ topic: this.#topic, fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatch: (payload) => this.#onBatch(payload) });
  }

  /** Leaves the group and closes the connections; what was fetched meanwhile is ignored. */
  async stop(): Promise<void> {
    this.#active = false;
    clearInterval(this.#watch);
    // A consumer that is told to disconnect while it starts would go on starting, and run for ever.
    await this.#started;
    await this.#consumer.disconnect();
    this.abandon();
  }

  /** Ends its connections without a word to the brokers. */
  abandon(): void {
    this.#client.sockets.abandon(new Error('this session is over'));
  }

  #onJoin(): void {
    if (!this.#active) {
      return;
    }
    const offset = this.#listener.nextOffset();
    // Nothing is committed, so without this every join would start at the oldest record again.
    this.#consumer.seek({ topic: this.#topic, partition: 0, offset: offset.toString() });
    // The first join, too: kafkajs tries for so long to join that the brokers may be others than those asked before.
    this.#listener.onReconnect();
    this.#joined = true;
  }

  #onAnswer(): void {
    this.#answeredAt = performance.now();
    if (this.#active) {
      this.#listener.onAnswer();
    }
  }

  async #onBatch(payload: EachBatchPayload): Promise<void> {
    if (!this.#active) {
      return;
    }
    this.#holding = true;
    try {
      await this.#listener.onBatch(
        {
          records: payload.batch.messages.map(toLogRecord),
          position: BigInt(payload.batch.lastOffset()) + 1n,
        },
        () => payload.heartbeat(),
      );
    } finally {
      this.#holding = false;
      this.#answeredAt = performance.now();
    }
  }

  #onPosition(position: bigint): void {
    if (this.#active) {
      // Nothing is held back by a batch without records, so this resolves at once.
      void this.#listener.onBatch({ records: [], position }, () => Promise.resolve());
    }
  }

  #checkForStall(): void {
    if (!this.#holding && performance.now() - this.#answeredAt > STALL_TIMEOUT_MS) {
      this.fail(new Error(`no fetch was answered for ${STALL_TIMEOUT_MS} ms`));
    }
  }
}

function toLogRecord(message: KafkaMessage): LogRecord {
  return {
    offset: BigInt(message.offset),
    key: message.key,
    value: message.value,
    headers: toHeaders(message.headers ?? {}),
    timestamp: Number(message.timestamp),
  };
}

function toHeaders(headers: IHeaders): ReadonlyMap<string, Uint8Array> {
  const result = new Map<string, Uint8Array>();
  for (const [name, given] of Object.entries(headers)) {
    const value = Array.isArray(given) ? given.at(-1) : given;
    result.set(name, typeof value === 'string' ? Buffer.from(value) : (value ?? new Uint8Array()));
  }
  return result;
}
