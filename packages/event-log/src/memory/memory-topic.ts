import type { LogBatch, LogRecord, NewRecord, NewTopic } from '../event-log.ts';

/** Records handed out by one read, so that callers see several batches. */
const MAX_BATCH_RECORDS = 500;
/** `delete.retention.ms` of a topic that does not set it. */
const DELETE_RETENTION_MS = 86_400_000;

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

/** One partition in memory, with the parts of Kafka's behaviour that callers can see. */
export class MemoryTopic {
  readonly settings: NewTopic;
  #entries: Entry[] = [];
  #end = 0n;
  /** Where each open transaction begins. */
  readonly #open = new Map<MemoryTransaction, bigint>();
  /** When a compaction first saw a tombstone; it may vanish `delete.retention.ms` after that. */
  readonly #seenByCompaction = new Map<bigint, number>();

  constructor(settings: NewTopic) {
    this.settings = settings;
  }

  /** The last stable offset: no reader passes an open transaction. */
  get end(): bigint {
    // The oldest of them was added first.
    return this.#open.values().next().value ?? this.#end;
  }

  /** Behind the last record, whatever becomes of its transaction. */
  get writtenEnd(): bigint {
    return this.#end;
  }

  /** What was committed, oldest first, as far as no compaction took it. */
  get committed(): readonly LogRecord[] {
    return this.committedFrom(0n);
  }

  /** The same from an offset on. */
  committedFrom(offset: bigint): readonly LogRecord[] {
    return this.#entries
      .slice(this.#indexOf(offset))
      .flatMap(({ record, transaction }) =>
        record !== undefined && transaction.state === 'committed' ? [record] : [],
      );
  }

  /** Keeps the bytes as they are: nobody may write to them. Returns the offset of the record. */
  append(record: NewRecord, transaction: MemoryTransaction, timestamp: number): bigint {
    const offset = this.#take();
    const { key, value, headers } = record;
    if (!this.#open.has(transaction)) {
      this.#open.set(transaction, offset);
    }
    this.#entries.push({ offset, transaction, record: { offset, key, value, headers, timestamp } });
    return offset;
  }

  /** Writes the control record that ends a transaction here. */
  mark(transaction: MemoryTransaction): void {
    this.#open.delete(transaction);
    this.#entries.push({ offset: this.#take(), transaction });
  }

  /** What lies from `position` on; `undefined` when nothing does. */
  read(position: bigint): LogBatch | undefined {
    const { end } = this;
    if (position >= end) {
      return undefined;
    }
    const records: LogRecord[] = [];
    for (let index = this.#indexOf(position); index < this.#entries.length; index += 1) {
      const entry = this.#entries[index];
      if (entry === undefined || entry.offset >= end) {
        break;
      }
      if (entry.record !== undefined && entry.transaction.state === 'committed') {
        records.push(entry.record);
        if (records.length === MAX_BATCH_RECORDS) {
          return { records, position: entry.offset + 1n };
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
    const retentionMs = Number(this.settings.config.get('delete.retention.ms') ?? DELETE_RETENTION_MS);
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

  #take(): bigint {
    const offset = this.#end;
    this.#end += 1n;
    return offset;
  }

  /** Of the first entry at or behind an offset. */
  #indexOf(position: bigint): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle]?.offset ?? position) < position) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
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
  return record.key === null ? '' : Buffer.from(record.key).toString('latin1');
}
