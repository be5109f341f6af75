import { type LogReader, type LogRecord, readTo, readToWrittenEnd, replayTopic } from '@slotcast/event-log';
import { Deadline } from '@slotcast/kernel';
import type { TopicsContext, UnusableRecord } from './topics-context.ts';

/** A record as it was read; what decodes it gives it its meaning. */
export interface ReadRecord {
  readonly stored: LogRecord;
  /** Absent for a record that was there before it was waited for. */
  readonly heardAtMs: number | undefined;
}

/** Reads one topic from its beginning on, in the order of its offsets. */
export abstract class TopicReader<Content> {
  protected readonly context: TopicsContext;
  readonly #topic: string;
  #reader: LogReader | undefined;
  #taken = 0n;
  #count = 0;

  protected constructor(context: TopicsContext, topic: string) {
    this.context = context;
    this.#topic = topic;
  }

  /** Resolves with those that count. */
  protected abstract take(records: readonly ReadRecord[]): Promise<readonly Content[]>;

  /** Number of the records that were read, usable or not. */
  get count(): number {
    return this.#count;
  }

  /** Offset up to which all records are taken. */
  get taken(): bigint {
    return this.#taken;
  }

  /**
   * Reads to the end that the topic has now: before the oldest transaction that is open, which hides what others committed behind it. Half a
   * replay is not a state: nothing may be concluded before this has resolved, and nothing from the absence of a record before
   * `readToWrittenEnd` has. Rejects as `replayTopic` does.
   */
  async replay(signal: AbortSignal): Promise<void> {
    const { log } = this.context;
    this.#reader = await replayTopic({ log, topic: this.#topic, onRecords: this.#takeOld, signal });
    this.#taken = this.#reader.position;
  }

  /** The same from where it stands. */
  async readToEnd(signal: AbortSignal): Promise<void> {
    const reader = this.#opened();
    const end = await this.context.log.endOffset(this.#topic);
    await readTo({ reader, end, onRecords: this.#takeOld, signal });
    this.#taken = reader.position;
  }

  /** Reads all that anybody has committed by now, also behind transactions that are open, whose end it waits for. Rejects as `readToWrittenEnd` does. */
  async readToWrittenEnd(signal: AbortSignal): Promise<void> {
    const reader = this.#opened();
    const { log } = this.context;
    await readToWrittenEnd({ log, topic: this.#topic, reader, onRecords: this.#takeOld, signal });
    this.#taken = reader.position;
  }

  /** Takes the next records, which arrive now. */
  async next(signal: AbortSignal): Promise<readonly Content[]> {
    const reader = this.#opened();
    const { records, position } = await reader.next(signal);
    const taken = await this.#take(records, this.context.silence.clocks.monotonicMs);
    this.#taken = position;
    return taken;
  }

  /** Takes the next records, unless none arrive in that time. */
  async nextWithin(ms: number, signal: AbortSignal): Promise<readonly Content[]> {
    using deadline = new Deadline(signal, ms);
    try {
      return await this.next(deadline.signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!deadline.expired) {
        throw error;
      }
      return [];
    }
  }

  /** Takes what comes until the signal is aborted; rejects with its reason then, and when the topic cannot be read on. */
  async follow(signal: AbortSignal, onTaken: (records: readonly Content[]) => void): Promise<never> {
    for (;;) {
      onTaken(await this.next(signal));
    }
  }

  async close(): Promise<void> {
    await this.#reader?.close();
  }

  readonly #takeOld = async (records: readonly LogRecord[]): Promise<void> => {
    await this.#take(records, undefined);
  };

  async #take(records: readonly LogRecord[], heardAtMs: number | undefined): Promise<readonly Content[]> {
    this.#count += records.length;
    for (const { timestamp } of records) {
      this.context.silence.stored(timestamp);
    }
    return await this.take(records.map((stored) => ({ stored, heardAtMs })));
  }

  /** To be called in the order of the offsets. */
  protected skip(record: Omit<UnusableRecord, 'topic'>): void {
    this.context.onUnusable({ topic: this.#topic, ...record });
  }

  #opened(): LogReader {
    if (this.#reader === undefined) {
      throw new Error(`the topic ${this.#topic} was not replayed yet`);
    }
    return this.#reader;
  }
}
