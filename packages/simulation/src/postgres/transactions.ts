import type { WalRecord, Xid } from './wal.ts';

/** A transaction that has not ended. */
export interface RunningTransaction {
  readonly xid: Xid;
  readonly database: number;
  /** Set once it is prepared. */
  readonly gid: string | undefined;
  /** It is prepared, and has changed tables. */
  readonly catalog: boolean;
  /** Milliseconds of the world when it began. */
  readonly since: number;
}

/** Catalog rows that a committed transaction has replaced. */
interface ReplacedRows {
  readonly xid: Xid;
  readonly database: number;
}

export type XidStatus = 'in progress' | 'committed' | 'aborted';

/**
 * What a server knows of transactions: a primary from what it writes, a standby from what it has replayed (`KnownAssignedXids`). Both by `apply`, record after
 * record.
 */
export class Transactions {
  readonly #running = new Map<Xid, RunningTransaction>();
  readonly #committed = new Set<Xid>();
  #nextXid: Xid;
  #replacedCatalogRows: readonly ReplacedRows[] = [];

  constructor(nextXid: Xid) {
    this.#nextXid = nextXid;
  }

  /** The id that the next transaction gets. */
  get nextXid(): Xid {
    return this.#nextXid;
  }

  /** Catalog rows that no vacuum has removed yet. */
  get replacedCatalogRows(): readonly ReplacedRows[] {
    return this.#replacedCatalogRows;
  }

  /** In the order of their ids. */
  get running(): Iterable<RunningTransaction> {
    return this.#running.values();
  }

  get runningXids(): readonly Xid[] {
    return [...this.#running.keys()];
  }

  get oldestRunning(): Xid {
    const [oldest] = this.#running.keys();
    return oldest ?? this.#nextXid;
  }

  get prepared(): readonly RunningTransaction[] {
    return [...this.#running.values()].filter(({ gid }) => gid !== undefined);
  }

  find(xid: Xid): RunningTransaction | undefined {
    return this.#running.get(xid);
  }

  /** `undefined` of an id that was not given yet. */
  statusOf(xid: Xid): XidStatus | undefined {
    if (this.#running.has(xid)) {
      return 'in progress';
    }
    if (this.#committed.has(xid)) {
      return 'committed';
    }
    return xid < this.#nextXid ? 'aborted' : undefined;
  }

  apply(record: WalRecord, now: number): void {
    switch (record.kind) {
      case 'change':
        if (record.xid >= this.#nextXid) {
          this.#nextXid = record.xid + 1;
          this.#running.set(record.xid, {
            xid: record.xid,
            database: record.database,
            gid: undefined,
            catalog: false,
            since: now,
          });
        }
        return;
      case 'commit':
      case 'commit_prepared':
        this.#committed.add(record.xid);
        if (record.catalog) {
          const { xid, database } = record;
          this.#replacedCatalogRows = [...this.#replacedCatalogRows, { xid, database }];
        }
        this.#running.delete(record.xid);
        return;
      case 'abort':
      case 'rollback_prepared':
        this.#running.delete(record.xid);
        return;
      case 'prepare': {
        const { xid, database, gid, catalog } = record;
        this.#running.set(xid, { xid, database, gid, catalog, since: now });
        return;
      }
      case 'running_xacts':
        this.#nextXid = Math.max(this.#nextXid, record.nextXid);
        this.#expire(record.running.length === 0 ? record.nextXid : Math.min(...record.running));
        return;
      case 'prune':
        this.#replacedCatalogRows = this.#replacedCatalogRows.filter(
          ({ xid, database }) => database !== record.database || xid > record.horizon,
        );
        return;
      case 'shutdown_checkpoint':
      case 'end_of_recovery':
        this.endUnprepared();
        return;
      case 'checkpoint_redo':
      case 'checkpoint':
      case 'message':
      case 'switch':
      case 'create_database':
      case 'rename_database':
      case 'drop_database':
        return;
    }
  }

  /** Those that were not prepared go with their sessions, and leave no record. */
  endUnprepared(): void {
    for (const { xid, gid } of this.#running.values()) {
      if (gid === undefined) {
        this.#running.delete(xid);
      }
    }
  }

  /** `ExpireOldKnownAssignedTransactionIds`. */
  #expire(oldest: Xid): void {
    for (const { xid, gid } of this.#running.values()) {
      if (xid < oldest && gid === undefined) {
        this.#running.delete(xid);
      }
    }
  }
}
