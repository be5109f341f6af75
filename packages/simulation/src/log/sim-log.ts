import {
  type EventLog,
  KnownEnds,
  type LogReader,
  LogUnavailableError,
  type LogWriter,
  type NewTopic,
  type TopicDescription,
} from '@slotcast/event-log';
import type { SimBroker } from './sim-broker.ts';
import { SimReader } from './sim-reader.ts';
import { SimWriter } from './sim-writer.ts';
import { type LogPlace, within } from './within.ts';

/** How long slotcast's client for Kafka tries what it was asked for. */
const OPERATION_TIMEOUT_MS = 12_000;

/** The log as one process has it: each call goes over a link to the brokers, and fails as the adapter for Kafka fails. */
export class SimLog implements EventLog {
  readonly #broker: SimBroker;
  readonly #place: LogPlace;
  readonly #ends = new KnownEnds();

  constructor(broker: SimBroker, place: LogPlace) {
    this.#broker = broker;
    this.#place = place;
  }

  clusterId(): Promise<string> {
    return this.#ask('cluster', 'ask for the id of the cluster', () => this.#broker.clusterId);
  }

  brokerCount(): Promise<number> {
    return this.#ask('cluster', 'ask for the brokers', () => 1);
  }

  describeTopic(topic: string): Promise<TopicDescription | undefined> {
    return this.#ask('describe', `describe topic ${topic}`, () => this.#broker.topic(topic)?.settings);
  }

  createTopic(topic: NewTopic): Promise<boolean> {
    return this.#ask('create', `create topic ${topic.topic}`, () => this.#broker.createTopic(topic));
  }

  endOffset(topic: string): Promise<bigint> {
    const attempt = `ask for the end of topic ${topic}`;
    return this.#ask('end', attempt, () => this.#broker.existing(topic, attempt).end);
  }

  writtenEnd(topic: string): Promise<bigint> {
    const attempt = `ask for the end of topic ${topic}`;
    return this.#ask('end', attempt, () => this.#broker.existing(topic, attempt).writtenEnd);
  }

  read(topic: string, from: bigint | 'beginning'): Promise<LogReader> {
    const position = from === 'beginning' ? 0n : from;
    const ends = this.#ends;
    const start = (): LogReader => new SimReader(this.#broker, this.#place, { topic, position, ends });
    return this.#ask('read', `read topic ${topic}`, start);
  }

  async claim(transactionalId: string): Promise<LogWriter> {
    const attempt = `claim the transactional id ${transactionalId}`;
    const claim = await this.#ask('claim', attempt, () => this.#broker.claim(transactionalId));
    return new SimWriter(this.#broker, this.#place, { claim, ends: this.#ends });
  }

  /** Readers and writers are closed by who opened them. */
  async close(): Promise<void> {}

  #ask<T>(kind: string, attempt: string, effect: () => T): Promise<T> {
    const late = (): Error => new LogUnavailableError(`could not ${attempt}: no answer from the brokers`);
    return within(this.#place, { ms: OPERATION_TIMEOUT_MS, late }, (call) => call(kind, effect));
  }
}
