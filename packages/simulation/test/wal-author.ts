import { Transactions } from '../src/postgres/transactions.ts';
import { type Position, type RowId, Wal, type WalRecord, type Xid } from '../src/postgres/wal.ts';

export const DATABASE = 16_384;

/** Writes WAL as a primary does, of one database unless told otherwise. */
export class WalAuthor {
  readonly wal = Wal.create();
  readonly transactions = new Transactions(700);
  #row = 0;

  /** Writes rows in a transaction, a new one when no id is given. */
  write(rows = 1, xid = this.transactions.nextXid, database = DATABASE): { xid: Xid; rows: RowId[] } {
    const written = Array.from({ length: rows }, () => ++this.#row);
    this.#append({ kind: 'change', xid, rows: written, database }, 200);
    return { xid, rows: written };
  }

  commit(xid: Xid, { catalog = false, database = DATABASE } = {}): WalRecord {
    return this.#append({ kind: 'commit', xid, database, catalog }, 64);
  }

  /** A whole transaction; returns its rows. */
  insert(rows = 1): RowId[] {
    const written = this.write(rows);
    this.commit(written.xid);
    return written.rows;
  }

  rollback(xid: Xid): void {
    this.#append({ kind: 'abort', xid }, 64);
  }

  running(): WalRecord {
    const { nextXid, runningXids: running } = this.transactions;
    return this.#append({ kind: 'running_xacts', nextXid, running }, 56);
  }

  shutdownCheckpoint(): WalRecord {
    return this.#append({ kind: 'shutdown_checkpoint' }, 120);
  }

  get end(): Position {
    return this.wal.end;
  }

  #append(content: Parameters<Wal['append']>[0], bytes: number): WalRecord {
    const record = this.wal.append(content, 1, bytes);
    this.transactions.apply(record, 0);
    return record;
  }
}
