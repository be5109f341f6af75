import type { LogBatch, LogRecord, NewRecord, NewTopic } from '../event-log.ts';

/** A transaction; records and the control records that end them refer to it. */
export interface MemoryTransaction {
  state: 'open' | 'committed' | 'aborted';
}

interface Entry {
  readonly offset: bigint;
  readonly transaction: MemoryTransaction;
  /** Absent for the control record that ends a transaction, which takes an offset as in Kafka. */
  readonly record?: LogRecord;
}

/** Records handed out by one read, so that the tests of callers see several batches. */
const MAX_BATCH_RECORDS = 500;
const UTF8 = new TextDecoder('utf-8', { fatal: false });

/** One partition in memory, with the parts of Kafka's behaviour that callers can see. */
export class MemoryTopic {
  readonly settings: NewTopic;
  #entries: Entry[] = [];
  #end = 0n;
  /** When a compaction first saw a tombstone; it may vanish `delete.retention.ms` after that. */
  readonly #seenByCompaction = new Map<bigint, number>();

  constructor(settings: NewTopic) {
    this.settings = settings;
  }

  /** The last stable offset: no reader passes an open transaction. */
  get end(): bigint {
    return this.#entries.find(({ transaction }) => transaction.state === 'open')?.offset ?? this.#end;
  }

  /** Behind the last record, whatever becomes of its transaction. */
  get writtenEnd(): bigint {
    return this.#end;
  }

  append(record: NewRecord, transaction: MemoryTransaction, timestamp: number): void {
    const offset = this.#end;
    this.#end += 1n;
    this.#entries.push({
      offset,
      transaction,
      record: {
        offset,
        key: record.key.slice(),
        value: record.value === null ? null : record.value.slice(),
        headers: new Map([...record.headers].map(([name, value]) => [name, value.slice()])),
        timestamp,
      },
    });
  }

  /** Writes the control record that ends a transaction here. */
  mark(transaction: MemoryTransaction): void {
    this.#entries.push({ offset: this.#end, transaction });
    this.#end += 1n;
  }

  /** What lies from `position` on; `undefined` when nothing does. */
  read(position: bigint): LogBatch | undefined {
    const end = this.end;
    if (position >= end) {
      return undefined;
    }
    const records: LogRecord[] = [];
    for (const { offset, record, transaction } of this.#entries) {
      if (offset >= position && offset < end && record !== undefined && transaction.state === 'committed') {
        records.push(record);
        if (records.length === MAX_BATCH_RECORDS) {
          return { records, position: offset + 1n };
        }
      }
    }
    return { records, position: end };
  }

  /**
   * Keeps the newest record of each key, as the log cleaner does: aborted records go, tombstones go at the first compaction
   * that is `delete.retention.ms` later than the first that saw them, and nothing younger than `min.compaction.lag.ms` nor
   * beyond it is touched. Offsets stay as they are, and the end does not move.
   */
  compact(now: number): void {
    const lagMs = Number(this.settings.config.get('min.compaction.lag.ms') ?? 0);
    const retentionMs = Number(this.settings.config.get('delete.retention.ms') ?? 86_400_000);
    const young = this.#entries.find(({ record }) => record !== undefined && record.timestamp > now - lagMs);
    const limit = young === undefined || young.offset > this.end ? this.end : young.offset;
    const newest = new Map<string, bigint>();
    for (const { offset, record, transaction } of this.#entries) {
      if (offset < limit && record !== undefined && transaction.state === 'committed') {
        newest.set(keyOf(record), offset);
      }
    }
    this.#entries = this.#entries.filter(({ offset, record, transaction }) => {
      if (offset >= limit) {
        return true;
      }
      if (record === undefined || transaction.state === 'aborted' || newest.get(keyOf(record)) !== offset) {
        return false;
      }
      return record.value !== null || !this.#isExpired(offset, { now, retentionMs });
    });
  }

  #isExpired(offset: bigint, age: { readonly now: number; readonly retentionMs: number }): boolean {
    const seenAt = this.#seenByCompaction.get(offset);
    if (seenAt === undefined) {
      this.#seenByCompaction.set(offset, age.now);
      return age.retentionMs === 0;
    }
    return age.now - seenAt >= age.retentionMs;
  }
}

function keyOf(record: LogRecord): string {
  return record.key === null ? '' : UTF8.decode(record.key);
}
