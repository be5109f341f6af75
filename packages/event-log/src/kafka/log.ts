import type { EventLog, LogReader, LogWriter, NewTopic, TopicDescription } from '../event-log.ts';
import { TopicRecreatedError } from '../log-error.ts';
import {
  createTopic,
  describeCluster,
  describeTopic,
  type TopicOffsets,
  topicOffsets,
  untilKnown,
  writtenOffsets,
} from './admin.ts';
import { createKafkaContext, type KafkaContext, type KafkaLogOptions } from './client.ts';
import { UnknownTopicError, unavailable } from './error.ts';
import { describeChange, KafkaReader } from './reader.ts';
import { claimKafkaWriter } from './writer.ts';

/**
 * A commit is acknowledged some milliseconds before its control record is written and the last stable offset moves. An
 * end that is still behind what this process committed or read is looked up again for this long; then somebody else's open
 * transaction must be what holds it back.
 */
const SETTLE_TIMEOUT_MS = 500;

/**
 * The log on Apache Kafka. Connects at the first call, not before. Every method throws one of the errors of this
 * package: a LogUnavailableError after `operationTimeoutMs` at the latest when the brokers cannot be reached.
 */
export function createKafkaLog(options: KafkaLogOptions): EventLog {
  return new KafkaLog(createKafkaContext(options));
}

class KafkaLog implements EventLog {
  readonly #context: KafkaContext;
  readonly #open = new Set<LogReader | LogWriter>();
  readonly #forget = (ended: LogReader | LogWriter): boolean => this.#open.delete(ended);
  /** Known from the first answer; another one later means other brokers at the same addresses. */
  #clusterId: string | undefined;

  constructor(context: KafkaContext) {
    this.#context = context;
  }

  async clusterId(): Promise<string> {
    const { clusterId } = await describeCluster(this.#context);
    this.#clusterId ??= clusterId;
    return clusterId;
  }

  async brokerCount(): Promise<number> {
    const { brokerCount } = await describeCluster(this.#context);
    return brokerCount;
  }

  describeTopic(topic: string): Promise<TopicDescription | undefined> {
    return describeTopic(this.#context, topic);
  }

  createTopic(topic: NewTopic): Promise<boolean> {
    return createTopic(this.#context, topic);
  }

  async endOffset(topic: string): Promise<bigint> {
    const expected = this.#context.ends.of(topic);
    const deadline = performance.now() + SETTLE_TIMEOUT_MS;
    for (;;) {
      const { high } = await this.#offsetsOf(topic);
      if (high >= expected || performance.now() > deadline) {
        return high;
      }
    }
  }

  async writtenEnd(topic: string): Promise<bigint> {
    const { high } = await this.#existing(topic, writtenOffsets);
    return high;
  }

  async read(topic: string, from: bigint | 'beginning'): Promise<LogReader> {
    const offsets = await this.#offsetsOf(topic);
    const clusterId = this.#clusterId ?? offsets.clusterId;
    this.#clusterId = clusterId;
    const position = from === 'beginning' ? offsets.low : from;
    const change = describeChange({ topic, clusterId, position, offsets });
    if (change !== undefined) {
      throw new TopicRecreatedError(change);
    }
    const reader = new KafkaReader(this.#context, { topic, position, clusterId }, this.#forget);
    this.#open.add(reader);
    return reader;
  }

  async claim(transactionalId: string): Promise<LogWriter> {
    const writer = await claimKafkaWriter(this.#context, transactionalId, this.#forget);
    this.#open.add(writer);
    return writer;
  }

  async close(): Promise<void> {
    const open = [...this.#open];
    this.#open.clear();
    await Promise.all(open.map((part) => part.close()));
  }

  #offsetsOf(topic: string): Promise<TopicOffsets> {
    return this.#existing(topic, topicOffsets);
  }

  async #existing(topic: string, ask: typeof topicOffsets): Promise<TopicOffsets> {
    const offsets = await untilKnown(() => ask(this.#context, topic));
    if (offsets === undefined) {
      const missing = new UnknownTopicError('it does not exist');
      throw unavailable(`find topic ${topic}`, this.#context.brokers, missing);
    }
    return offsets;
  }
}
