import { randomUUID } from 'node:crypto';
import { asError, WakeUp } from '@slotcast/kernel';
import type {
  EventLog,
  LogBatch,
  LogReader,
  LogWriter,
  NewRecord,
  NewTopic,
  TopicDescription,
} from '../event-log.ts';
import { KnownEnds } from '../known-ends.ts';
import {
  LogUnavailableError,
  OutcomeUnknownError,
  TopicRecreatedError,
  WriterFencedError,
} from '../log-error.ts';
import { MemoryTopic, type MemoryTransaction } from './memory-topic.ts';

export interface MemoryLogOptions {
  readonly brokers?: number;
  /** Milliseconds since 1970, for record timestamps and the age of tombstones; the system's by default. */
  readonly now?: () => number;
}

interface OpenTransaction {
  readonly transaction: MemoryTransaction;
  readonly topics: ReadonlySet<MemoryTopic>;
}

/**
 * The log in memory, for tests: it behaves as Kafka does wherever a caller can tell, and can be told to fail. All
 * methods of the port are safe to call from any number of readers and writers of this process.
 */
export class MemoryLog implements EventLog {
  readonly #topics = new Map<string, MemoryTopic>();
  readonly #changed = new WakeUp();
  readonly #claims = new Map<string, number>();
  readonly #openTransactions = new Map<string, OpenTransaction>();
  readonly #ends = new KnownEnds();
  readonly #clusterId = randomUUID();
  readonly #brokers: number;
  readonly #now: () => number;
  #available = true;
  #lostAnswers: ('written' | 'not written')[] = [];

  constructor(options: MemoryLogOptions = {}) {
    this.#brokers = options.brokers ?? 1;
    this.#now = options.now ?? Date.now;
  }

  async clusterId(): Promise<string> {
    this.#assertAvailable('ask for the id of the cluster');
    return this.#clusterId;
  }

  async brokerCount(): Promise<number> {
    this.#assertAvailable('ask for the brokers');
    return this.#brokers;
  }

  async describeTopic(topic: string): Promise<TopicDescription | undefined> {
    this.#assertAvailable(`describe topic ${topic}`);
    return this.#topics.get(topic)?.settings;
  }

  async createTopic(topic: NewTopic): Promise<boolean> {
    this.#assertAvailable(`create topic ${topic.topic}`);
    if (this.#topics.has(topic.topic)) {
      return false;
    }
    this.#topics.set(topic.topic, new MemoryTopic(topic));
    return true;
  }

  async endOffset(topic: string): Promise<bigint> {
    return this.#existing(topic, `ask for the end of topic ${topic}`).end;
  }

  async writtenEnd(topic: string): Promise<bigint> {
    return this.#existing(topic, `ask for the end of topic ${topic}`).writtenEnd;
  }

  async read(topic: string, from: bigint | 'beginning'): Promise<LogReader> {
    const started = this.#existing(topic, `read topic ${topic}`);
    const position = from === 'beginning' ? 0n : from;
    if (position > started.end) {
      throw new TopicRecreatedError(
        `topic ${topic} was read up to offset ${position}, but ends at ${started.end}`,
      );
    }
    return new MemoryReader({
      position,
      changed: this.#changed,
      read: (offset) => {
        if (!this.#available) {
          return undefined;
        }
        if (this.#topics.get(topic) !== started) {
          throw new TopicRecreatedError(
            `topic ${topic}, read up to offset ${offset}, is not the same topic any more`,
          );
        }
        const batch = started.read(offset);
        this.#ends.reached(topic, batch?.position ?? offset);
        return batch;
      },
    });
  }

  async claim(transactionalId: string): Promise<LogWriter> {
    this.#assertAvailable(`claim the transactional id ${transactionalId}`);
    const epoch = (this.#claims.get(transactionalId) ?? 0) + 1;
    this.#claims.set(transactionalId, epoch);
    this.#end(transactionalId, 'aborted');
    return new MemoryWriter((records) => this.#append(records, { transactionalId, epoch }));
  }

  /** Closes nothing, because all who share this log would lose it. */
  async close(): Promise<void> {}

  /** Compacts a topic now, as Kafka's log cleaner does at times of its own. */
  compact(topic: string): void {
    this.#existing(topic, `compact topic ${topic}`).compact(this.#now());
    this.#changed.notify();
  }

  /** Deletes a topic and creates an empty one of the same name and settings. */
  recreateTopic(topic: string): void {
    const { settings } = this.#existing(topic, `recreate topic ${topic}`);
    this.#topics.set(topic, new MemoryTopic(settings));
    this.#changed.notify();
  }

  /** With false every call fails and readers wait, as when all brokers are away; with true they go on. */
  setAvailable(available: boolean): void {
    this.#available = available;
    this.#changed.notify();
  }

  /** The next append fails with an OutcomeUnknownError, after its records were written or without. */
  loseNextAnswer(outcome: 'written' | 'not written'): void {
    this.#lostAnswers.push(outcome);
  }

  /** Appends without a commit, as a writer does that dies in the middle. The next claim of the id aborts it. */
  leaveOpen(transactionalId: string, records: readonly NewRecord[]): void {
    this.#begin(transactionalId, records);
    this.#changed.notify();
  }

  async #append(
    records: readonly NewRecord[],
    writer: { readonly transactionalId: string; readonly epoch: number },
  ): Promise<void> {
    const { transactionalId, epoch } = writer;
    const attempt = `append ${records.length} records as ${transactionalId}`;
    if (!this.#available) {
      throw new OutcomeUnknownError(`could not ${attempt}: the log is not available`);
    }
    if (this.#claims.get(transactionalId) !== epoch) {
      throw new WriterFencedError(`could not ${attempt}: a later claim took over`);
    }
    const missing = records.find(({ topic }) => !this.#topics.has(topic));
    if (missing !== undefined) {
      throw new OutcomeUnknownError(`could not ${attempt}: topic ${missing.topic} does not exist`);
    }
    const lost = this.#lostAnswers.shift();
    if (lost !== 'not written') {
      this.#commit(transactionalId, records);
    }
    if (lost !== undefined) {
      throw new OutcomeUnknownError(`could not ${attempt}: the answer was lost`);
    }
  }

  #commit(transactionalId: string, records: readonly NewRecord[]): void {
    const check = this.#ends.beforeAppend(records.map(({ topic }) => topic));
    try {
      this.#begin(transactionalId, records).forEach(({ topic, offset }) => check.stored(topic, offset, 1));
    } catch (error) {
      this.#end(transactionalId, 'aborted');
      throw error;
    }
    this.#end(transactionalId, 'committed');
    check.committed();
  }

  /** Returns where each of the records is. */
  #begin(
    transactionalId: string,
    records: readonly NewRecord[],
  ): readonly { readonly topic: string; readonly offset: bigint }[] {
    const transaction: MemoryTransaction = { state: 'open' };
    const topics = new Set<MemoryTopic>();
    this.#openTransactions.set(transactionalId, { transaction, topics });
    return records.map((record) => {
      const topic = this.#existing(record.topic, `append to topic ${record.topic}`);
      topics.add(topic);
      const offset = topic.append(copyOf(record), transaction, this.#now());
      return { topic: record.topic, offset };
    });
  }

  #end(transactionalId: string, state: 'committed' | 'aborted'): void {
    const open = this.#openTransactions.get(transactionalId);
    if (open !== undefined) {
      this.#openTransactions.delete(transactionalId);
      open.transaction.state = state;
      for (const topic of open.topics) {
        topic.mark(open.transaction);
      }
      this.#changed.notify();
    }
  }

  #existing(topic: string, attempt: string): MemoryTopic {
    this.#assertAvailable(attempt);
    const existing = this.#topics.get(topic);
    if (existing === undefined) {
      throw new LogUnavailableError(`could not ${attempt}: it does not exist; create it first`);
    }
    return existing;
  }

  #assertAvailable(attempt: string): void {
    if (!this.#available) {
      throw new LogUnavailableError(`could not ${attempt}: the log is not available`);
    }
  }
}

class MemoryReader implements LogReader {
  readonly #changed: WakeUp;
  readonly #read: (position: bigint) => LogBatch | undefined;
  #position: bigint;
  #failure: Error | undefined;

  constructor(options: {
    readonly position: bigint;
    readonly changed: WakeUp;
    readonly read: (position: bigint) => LogBatch | undefined;
  }) {
    this.#position = options.position;
    this.#changed = options.changed;
    this.#read = options.read;
  }

  get position(): bigint {
    return this.#position;
  }

  async next(signal: AbortSignal): Promise<LogBatch> {
    signal.throwIfAborted();
    for (;;) {
      if (this.#failure !== undefined) {
        throw this.#failure;
      }
      const batch = this.#tryRead();
      if (batch !== undefined) {
        this.#position = batch.position;
        return batch;
      }
      await this.#changed.wait({ signal });
    }
  }

  async close(): Promise<void> {
    this.#failure ??= new LogUnavailableError('the reader is closed');
    this.#changed.notify();
  }

  #tryRead(): LogBatch | undefined {
    try {
      return this.#read(this.#position);
    } catch (error) {
      this.#failure = asError(error);
      throw error;
    }
  }
}

class MemoryWriter implements LogWriter {
  readonly #write: (records: readonly NewRecord[]) => Promise<void>;
  #broken: Error | undefined;

  constructor(write: (records: readonly NewRecord[]) => Promise<void>) {
    this.#write = write;
  }

  async append(records: readonly NewRecord[]): Promise<void> {
    if (this.#broken !== undefined) {
      throw this.#broken;
    }
    if (records.length === 0) {
      return;
    }
    try {
      await this.#write(records);
    } catch (error) {
      this.#broken = asError(error);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#broken ??= new OutcomeUnknownError('the writer is closed: claim a new one before appending');
  }
}

/** The bytes of a record are the caller's, who may write to them again. */
function copyOf(record: NewRecord): NewRecord {
  return {
    ...record,
    key: record.key.slice(),
    value: record.value === null ? null : record.value.slice(),
    headers: new Map([...record.headers].map(([name, value]) => [name, value.slice()])),
  };
}
