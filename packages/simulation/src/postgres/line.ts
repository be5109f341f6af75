import type { Committed, WalLine } from '../types.ts';
import type { ServerCore } from './core.ts';
import type { Position, RowId, Wal, Xid } from './wal.ts';

/** The WAL of a server as those see it who judge. */
export class Line implements WalLine {
  readonly timeline: number;
  readonly #wal: Wal;
  /** How many records are flushed. */
  readonly #count: number;

  constructor({ wal, flushed, timeline }: ServerCore) {
    this.#wal = wal;
    this.#count = flushed;
    this.timeline = timeline;
  }

  get end(): Position {
    return this.#wal.endOf(this.#count);
  }

  committed(from: Position, to: Position): readonly Committed[] {
    const commits: Committed[] = [];
    const count = Math.min(this.#count, this.#wal.countBefore(to));
    for (let index = this.#wal.countBefore(from); index < count; index += 1) {
      const record = this.#wal.at(index);
      if (record.kind === 'commit' || record.kind === 'commit_prepared') {
        const { xid, database, start, end } = record;
        commits.push({ xid, database, start, end, rows: rowsBefore(this.#wal, index, xid) });
      }
    }
    return commits;
  }

  partsAt(other: WalLine): Position {
    if (!(other instanceof Line)) {
      throw new TypeError('the other line is none of a server of this package');
    }
    const shared = this.#wal.sharedWith(other.#wal);
    return this.#wal.endOf(Math.min(shared, this.#count, other.#count));
  }
}

const rowsOfCommit = new WeakMap<object, readonly RowId[]>();

/** The rows of a transaction, whose commit is at an index. */
function rowsBefore(wal: Wal, commit: number, xid: Xid): readonly RowId[] {
  const record = wal.at(commit);
  const known = rowsOfCommit.get(record);
  if (known !== undefined) {
    return known;
  }
  const parts: (readonly RowId[])[] = [];
  for (let index = commit - 1; index >= 0; index -= 1) {
    const earlier = wal.at(index);
    if (earlier.kind === 'change' && earlier.xid === xid) {
      parts.push(earlier.rows);
      if (earlier.rows.length === 0) {
        break;
      }
    }
  }
  const rows = parts.toReversed().flat();
  rowsOfCommit.set(record, rows);
  return rows;
}
