/** A position in WAL: bytes since the start of the cluster's WAL. A plain number, as a simulation stays far below 2^53. */
export type Position = number;
/** A transaction id. It never wraps here. */
export type Xid = number;
/** A row that was written, unique in the whole simulation. */
export type RowId = number;

export const SEGMENT_BYTES = 16 * 1024 * 1024;
/** `SizeOfXLogLongPHD`: no record starts right at the beginning of a segment. */
const SEGMENT_HEADER_BYTES = 40;
/** Where the first record of a cluster is written. */
const FIRST_POSITION: Position = 3 * SEGMENT_BYTES + SEGMENT_HEADER_BYTES;

/** What a record says. Records of a transaction come from the first `change` on, whose `rows` may be none. */
export type WalContent =
  | { readonly kind: 'change'; readonly xid: Xid; readonly rows: readonly RowId[]; readonly database: number }
  | { readonly kind: 'commit'; readonly xid: Xid; readonly database: number; readonly catalog: boolean }
  | { readonly kind: 'abort'; readonly xid: Xid }
  | {
      readonly kind: 'prepare';
      readonly xid: Xid;
      readonly gid: string;
      readonly database: number;
      readonly catalog: boolean;
    }
  | {
      readonly kind: 'commit_prepared';
      readonly xid: Xid;
      readonly gid: string;
      readonly database: number;
      readonly catalog: boolean;
    }
  | {
      readonly kind: 'rollback_prepared';
      readonly xid: Xid;
      readonly gid: string;
      readonly database: number;
    }
  /** The transactions that run. */
  | { readonly kind: 'running_xacts'; readonly nextXid: Xid; readonly running: readonly Xid[] }
  /** Where recovery begins that starts from the checkpoint record after it (17+). */
  | { readonly kind: 'checkpoint_redo' }
  | { readonly kind: 'checkpoint' }
  | { readonly kind: 'shutdown_checkpoint' }
  /** The first record of a timeline. */
  | { readonly kind: 'end_of_recovery' }
  /** Of no transaction, and skipped by decoders. */
  | { readonly kind: 'message' }
  /** Reaches up to the end of its segment. */
  | { readonly kind: 'switch' }
  /** Catalog rows were removed that transactions up to `horizon` could see; 0 stands for the shared catalogs of all databases. */
  | { readonly kind: 'prune'; readonly horizon: Xid; readonly database: number }
  | { readonly kind: 'create_database' | 'rename_database'; readonly oid: number; readonly name: string }
  | { readonly kind: 'drop_database'; readonly oid: number };

export type WalRecord = WalContent & {
  readonly start: Position;
  readonly end: Position;
  readonly timeline: number;
};

/**
 * The records of one server, in order. A record that was streamed is the same object on both servers, so two servers are on the same line up to where they
 * hold the same objects. A branch shares the records of its parent up to a point.
 */
export class Wal {
  readonly #parent: Wal | undefined;
  /** How many records belong to the parent. */
  readonly #shared: number;
  readonly #own: WalRecord[] = [];

  private constructor(parent: Wal | undefined, shared: number) {
    this.#parent = parent;
    this.#shared = shared;
  }

  /** The empty WAL of a new cluster. */
  static create(): Wal {
    return new Wal(undefined, 0);
  }

  /** How many records there are. */
  get length(): number {
    return this.#shared + this.#own.length;
  }

  /** Where the last record ends. */
  get end(): Position {
    return this.endOf(this.length);
  }

  /** Where the next record begins: `pg_current_wal_insert_lsn()`. */
  get insertPosition(): Position {
    const { end } = this;
    return end % SEGMENT_BYTES === 0 ? end + SEGMENT_HEADER_BYTES : end;
  }

  /** Where the first `count` records end. */
  endOf(count: number): Position {
    return count === 0 ? FIRST_POSITION : this.at(count - 1).end;
  }

  /** Throws a RangeError where there is no record. */
  at(index: number): WalRecord {
    if (index < this.#shared && this.#parent !== undefined) {
      return this.#parent.at(index);
    }
    const record = this.#own[index - this.#shared];
    if (record === undefined) {
      throw new RangeError(`no record ${index} in WAL of ${this.length}`);
    }
    return record;
  }

  append(content: WalContent, timeline: number, bytes: number): WalRecord {
    const start = this.insertPosition;
    const end =
      content.kind === 'switch' ? (Math.floor(start / SEGMENT_BYTES) + 1) * SEGMENT_BYTES : start + bytes;
    const record: WalRecord = { ...content, start, end, timeline };
    this.#own.push(record);
    return record;
  }

  /** Takes over a record that another server wrote. */
  receive(record: WalRecord): void {
    if (record.start !== this.insertPosition) {
      throw new RangeError(`a record at ${record.start} does not continue WAL up to ${this.end}`);
    }
    this.#own.push(record);
  }

  /** How many records begin before the position: the index of the first one that does not. */
  countBefore(position: Position): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at(middle).start < position) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** How many records end at or before the position. */
  countEnded(position: Position): number {
    const count = this.countBefore(position);
    return count > 0 && this.at(count - 1).end > position ? count - 1 : count;
  }

  /** Drops the records from an index on, which a crash has lost, and which no branch shares. */
  cut(count: number): void {
    if (count < this.#shared) {
      throw new RangeError(`${count} records are fewer than the ${this.#shared} that are shared`);
    }
    this.#own.length = Math.min(this.#own.length, count - this.#shared);
  }

  /** WAL with the first `count` records of this one. */
  branch(count: number): Wal {
    return count <= this.#shared && this.#parent !== undefined
      ? this.#parent.branch(count)
      : new Wal(this, count);
  }

  /** How many records both have in common. */
  sharedWith(other: Wal): number {
    let low = 0;
    let high = Math.min(this.length, other.length);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.at(middle - 1) === other.at(middle - 1)) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }
}
