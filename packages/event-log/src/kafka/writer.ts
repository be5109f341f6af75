import { asError } from '@slotcast/kernel';
import { type Message, Partitioners, type Producer, type TopicMessages, type Transaction } from 'kafkajs';
import type { LogWriter, NewRecord } from '../event-log.ts';
import type { AppendCheck } from '../known-ends.ts';
import { OutcomeUnknownError, TopicRecreatedError, WriterFencedError } from '../log-error.ts';
import { disconnectLater, type KafkaClient, type KafkaContext } from './client.ts';
import { describeKafkaFailure, failureMessage, unavailable } from './error.ts';
import { withDeadline } from './with-deadline.ts';

/** How long the transaction of a writer that died may keep readers from going on. */
const TRANSACTION_TIMEOUT_MS = 10_000;
/** Before the broker does: it would call a transaction that it timed out a fenced one. */
const APPEND_TIMEOUT_MS = TRANSACTION_TIMEOUT_MS - 1_000;
/** Half of Kafka's default `max.message.bytes`, which holds for a whole batch. */
const MAX_BATCH_BYTES = 512 * 1024;
/** What a record takes besides key, value and headers; an upper bound. */
const RECORD_OVERHEAD_BYTES = 32;

/**
 * While the broker still writes the markers of one transaction the next one is turned away for some milliseconds;
 * kafkajs' own settings would wait 300.
 */
const producerRetry = { initialRetryTime: 5, maxRetryTime: 50, multiplier: 1.2, factor: 0.1, retries: 50 };

/** Fences every earlier writer of the transactional id. `onEnd` is called when the writer can write no more. Throws a LogUnavailableError. */
export async function claimKafkaWriter(
  context: KafkaContext,
  transactionalId: string,
  onEnd: (writer: LogWriter) => void,
): Promise<LogWriter> {
  const client = context.newClient();
  const producer = client.kafka.producer({
    transactionalId,
    transactionTimeout: TRANSACTION_TIMEOUT_MS,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
    retry: producerRetry,
  });
  // A claim that is still under way would fence this one if it came through after it.
  const earlier = context.claims.get(transactionalId) ?? Promise.resolve();
  const claiming = claimInTime(context, client, { producer, earlier });
  const claim = claiming.catch(() => undefined);
  context.claims.set(transactionalId, claim);
  try {
    await claiming;
  } catch (error) {
    throw unavailable(`claim the transactional id ${transactionalId}`, context.brokers, error);
  } finally {
    if (context.claims.get(transactionalId) === claim) {
      context.claims.delete(transactionalId);
    }
  }
  return new KafkaWriter(context, { client, producer, transactionalId, onEnd });
}

/** A claim that is given up loses its connections at once, so that it cannot come through any more. */
async function claimInTime(
  context: KafkaContext,
  client: KafkaClient,
  { producer, earlier }: { readonly producer: Producer; readonly earlier: Promise<void> },
): Promise<void> {
  const fencing = earlier.then(() => fencePredecessors(producer));
  try {
    await withDeadline(fencing, context.operationTimeoutMs, () => client.sockets.lastFailure);
  } catch (error) {
    client.sockets.abandon(asError(error));
    disconnectLater(context, client, producer, fencing);
    throw error;
  }
}

/** The producer id is only asked for, and earlier ones fenced, at the begin of the first transaction. */
async function fencePredecessors(producer: Producer): Promise<void> {
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.abort();
}

interface KafkaWriterParts {
  readonly client: KafkaClient;
  readonly producer: Producer;
  readonly transactionalId: string;
  readonly onEnd: (writer: LogWriter) => void;
}

class KafkaWriter implements LogWriter {
  readonly #context: KafkaContext;
  readonly #parts: KafkaWriterParts;
  #tail: Promise<void> = Promise.resolve();
  #broken: Error | undefined;

  constructor(context: KafkaContext, parts: KafkaWriterParts) {
    this.#context = context;
    this.#parts = parts;
  }

  append(records: readonly NewRecord[]): Promise<void> {
    const appended = this.#tail.then(() => this.#append(records));
    this.#tail = appended.catch(() => undefined);
    return appended;
  }

  async close(): Promise<void> {
    await this.#tail;
    if (this.#broken === undefined) {
      const { transactionalId, client, producer } = this.#parts;
      const reason = new OutcomeUnknownError(
        `the writer ${transactionalId} is closed: claim a new one before appending`,
      );
      this.#end(reason);
      await producer.disconnect();
      client.sockets.abandon(reason);
    }
  }

  async #append(records: readonly NewRecord[]): Promise<void> {
    if (this.#broken !== undefined) {
      throw this.#broken;
    }
    if (records.length === 0) {
      return;
    }
    const { client, producer } = this.#parts;
    const transacting = this.#transact(records);
    try {
      const timeoutMs = Math.min(this.#context.operationTimeoutMs, APPEND_TIMEOUT_MS);
      await withDeadline(transacting, timeoutMs, () => client.sockets.lastFailure);
    } catch (error) {
      const explained = this.#explain(records, error);
      // Its next send would carry the sequence number of the failed one, and the broker could drop it as a repetition.
      this.#end(explained);
      disconnectLater(this.#context, client, producer, transacting);
      throw explained;
    }
  }

  #end(reason: Error): void {
    this.#broken = reason;
    this.#parts.onEnd(this);
  }

  async #transact(records: readonly NewRecord[]): Promise<void> {
    const check = this.#context.ends.beforeAppend(topicsOf(records));
    const transaction = await this.#parts.producer.transaction();
    try {
      await send(transaction, records, check);
    } catch (error) {
      if (error instanceof TopicRecreatedError) {
        await this.#abort(transaction);
      }
      throw error;
    }
    await transaction.commit();
    check.committed();
  }

  /** So that no reader of a topic that was made anew waits until it times out. */
  async #abort(transaction: Transaction): Promise<void> {
    try {
      await transaction.abort();
    } catch (error) {
      this.#context.logger('debug', 'a transaction was left behind for the brokers to abort', {
        transactionalId: this.#parts.transactionalId,
        error: asError(error).message,
      });
    }
  }

  #explain(records: readonly NewRecord[], cause: unknown): Error {
    if (cause instanceof TopicRecreatedError) {
      return cause;
    }
    const topics = topicsOf(records).join(', ');
    const attempt = `append ${records.length} records to ${topics} as ${this.#parts.transactionalId}`;
    const message = failureMessage(attempt, this.#context.brokers, cause);
    return describeKafkaFailure(cause).type === 'fenced'
      ? new WriterFencedError(message, { cause })
      : new OutcomeUnknownError(
          `${message}. The records may or may not be there: claim again, read to the end and compare`,
          { cause },
        );
  }
}

function topicsOf(records: readonly NewRecord[]): readonly string[] {
  return [...new Set(records.map(({ topic }) => topic))];
}

/** Throws a TopicRecreatedError when the brokers stored a record where there was one before. */
async function send(
  transaction: Transaction,
  records: readonly NewRecord[],
  check: AppendCheck,
): Promise<void> {
  for (const chunk of chunksOf(records)) {
    const topicMessages = messagesByTopic(chunk);
    const answers = await transaction.sendBatch({ acks: -1, topicMessages });
    for (const { topic, messages } of topicMessages) {
      const { baseOffset } = answers.find(({ topicName }) => topicName === topic) ?? {};
      if (baseOffset === undefined) {
        throw new Error(`Kafka did not say at which offset of topic ${topic} the records were stored`);
      }
      check.stored(topic, BigInt(baseOffset), messages.length);
    }
  }
}

/** Splits what is too large for one batch; the transaction keeps it together. */
function* chunksOf(records: readonly NewRecord[]): Generator<readonly NewRecord[]> {
  let chunk: NewRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const size = sizeOf(record);
    if (chunk.length > 0 && bytes + size > MAX_BATCH_BYTES) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(record);
    bytes += size;
  }
  yield chunk;
}

function sizeOf(record: NewRecord): number {
  let size = RECORD_OVERHEAD_BYTES + record.key.length + (record.value?.length ?? 0);
  for (const [name, value] of record.headers) {
    size += Buffer.byteLength(name) + value.length + 4;
  }
  return size;
}

function messagesByTopic(records: readonly NewRecord[]): TopicMessages[] {
  const byTopic = new Map<string, Message[]>();
  for (const record of records) {
    const messages = byTopic.get(record.topic) ?? [];
    messages.push(toMessage(record));
    byTopic.set(record.topic, messages);
  }
  return [...byTopic].map(([topic, messages]) => ({ topic, messages }));
}

function toMessage(record: NewRecord): Message {
  return {
    partition: 0,
    key: asBuffer(record.key),
    value: record.value === null ? null : asBuffer(record.value),
    headers: Object.fromEntries([...record.headers].map(([name, value]) => [name, asBuffer(value)])),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
