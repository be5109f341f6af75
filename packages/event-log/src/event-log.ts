/**
 * The port to the log that carries slot events: single-partition, compacted topics, written in fenced transactions and
 * read from an offset on. Two adapters: Kafka, and an in-memory twin for tests; one contract test holds for both.
 */

/** One record as read. Aborted records and control records are never seen. */
export interface LogRecord {
  readonly offset: bigint;
  /** Raw key; `null` when the record has none. */
  readonly key: Uint8Array | null;
  /** Raw value; `null` is a tombstone. */
  readonly value: Uint8Array | null;
  /** Raw header values by name; of a repeated header the last. */
  readonly headers: ReadonlyMap<string, Uint8Array>;
  /** Milliseconds since 1970, as the topic's timestamp type says. */
  readonly timestamp: number;
}

/** One record to append. */
export interface NewRecord {
  readonly topic: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
  readonly headers: ReadonlyMap<string, Uint8Array>;
}

/** What came of one read: the records between the old position and `position`, which may be none. */
export interface LogBatch {
  readonly records: readonly LogRecord[];
  /** Offset of the next record to read; passes over control, aborted and compacted records. */
  readonly position: bigint;
}

export interface LogReader {
  /** Offset of the next record to read. */
  readonly position: bigint;
  /**
   * Resolves with the next batch as soon as the position has moved. Rejects with a TopicRecreatedError when the topic is
   * not the one it was, with a LogUnavailableError when the reader cannot go on, with the signal's reason when aborted.
   * After a rejection other than by the signal only `close` is allowed.
   */
  next(signal: AbortSignal): Promise<LogBatch>;
  close(): Promise<void>;
}

export interface LogWriter {
  /**
   * Appends all records, of any of the log's topics, in one transaction: readers see all or none. Rejects with a
   * WriterFencedError when a later claim took over; with a TopicRecreatedError when the records would lie before what this log
   * has read of a topic or committed to it, and then commits nothing; with an OutcomeUnknownError in every other case of failure. After
   * any rejection the records may or may not be in the log, and the writer refuses every further call: claim again,
   * read to the end, compare.
   */
  append(records: readonly NewRecord[]): Promise<void>;
  close(): Promise<void>;
}

export interface TopicDescription {
  readonly partitions: number;
  readonly replicationFactor: number;
  /** The topic's settings in effect, by Kafka's names. */
  readonly config: ReadonlyMap<string, string>;
}

export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: ReadonlyMap<string, string>;
}

export interface EventLog {
  /** Identifies the cluster of brokers. */
  clusterId(): Promise<string>;
  brokerCount(): Promise<number>;
  /** `undefined` when there is no such topic. */
  describeTopic(topic: string): Promise<TopicDescription | undefined>;
  /** False when the topic was there already. */
  createTopic(topic: NewTopic): Promise<boolean>;
  /**
   * The offset that a reader must reach to have seen all that was committed before the call: by this process, or by a
   * writer that this process has fenced since. With an open transaction of another writer it stops before that
   * transaction, and a commit that another process made within the last milliseconds may not count yet: fence first,
   * then ask.
   */
  endOffset(topic: string): Promise<bigint>;
  /**
   * The offset behind all that is written, whether its transaction has ended or not: who has read to it has seen every record that anybody
   * had committed before the call. A reader gets there only when the transactions that are open now have ended, which those of a
   * writer that died do when their timeout is over: 10 s for one of this package.
   */
  writtenEnd(topic: string): Promise<bigint>;
  /** Starts reading at `from` or, with `beginning`, at the oldest record. */
  read(topic: string, from: bigint | 'beginning'): Promise<LogReader>;
  /** Fences every earlier writer of the same transactional id and aborts its open transaction. */
  claim(transactionalId: string): Promise<LogWriter>;
  close(): Promise<void>;
}
