import type { Committed } from '../types.ts';
import { increaseRestart, increaseXmin, type Slot } from './slot.ts';
import type { Position, RowId, WalRecord, Xid } from './wal.ts';

/** States of `SnapBuild`, in their order. */
const START = 0;
const BUILDING = 1;
const FULL = 2;
const CONSISTENT = 3;

/** Snapshots that decoders left on the server's disk, by the position that they are valid at, each with its xmin. */
export type SnapshotFiles = Map<Position, Xid>;

/** A transaction as a decoder hands it to its client, or would if it did not only advance. */
export type DecodedTransaction = Committed;

/** A transaction of which the decoder has read something. */
interface Seen {
  /** Where a decoder has to start that is to see all of it; absent when it began before anything was saved. */
  readonly restartAt: Position | undefined;
  readonly rows: RowId[];
  /** Where its prepare record begins, of a slot that is two_phase. */
  preparedAt: Position | undefined;
  /** xmin of the snapshot with which its first change was read. */
  baseXmin: Xid | undefined;
}

export interface DecoderOptions {
  /** Commits that begin before it are not sent. */
  readonly startDecodingAt: Position;
  /** Set while the slot is made: running-xacts records with older transactions are of no use, nor are snapshots on disk. */
  readonly initialXminHorizon?: Xid | undefined;
  /** Called with transactions whose end has to be awaited before the next record is read; only a primary can speed it up. */
  readonly onWait?: ((xids: readonly Xid[]) => void) | undefined;
}

/**
 * Reads WAL for a slot as the server does, from its restart_lsn on: finds the point from which it can decode, and gives the slot later positions to start from. What
 * is lost needs no rule of its own: commits before `startDecodingAt`, and changes that were read before there was a snapshot.
 * The same function serves creations, advances and clients.
 */
export class Decoder {
  readonly #slot: Slot;
  readonly #snapshots: SnapshotFiles;
  readonly #initialXminHorizon: Xid | undefined;
  readonly #onWait: ((xids: readonly Xid[]) => void) | undefined;
  readonly #seen = new Map<Xid, Seen>();
  #state = START;
  #startDecodingAt: Position;
  /** Transactions before it have ended when the next state begins. */
  #nextPhaseAt: Xid = 0;
  #xmin: Xid = 0;
  #snapshotXmin: Xid | undefined;
  #currentRestart: Position | undefined;

  constructor(slot: Slot, snapshots: SnapshotFiles, options: DecoderOptions) {
    this.#slot = slot;
    this.#snapshots = snapshots;
    this.#startDecodingAt = options.startDecodingAt;
    this.#initialXminHorizon = options.initialXminHorizon;
    this.#onWait = options.onWait;
  }

  get isConsistent(): boolean {
    return this.#state === CONSISTENT;
  }

  /** Takes the next record; returns what is sent because of it. */
  read(record: WalRecord): DecodedTransaction | undefined {
    switch (record.kind) {
      case 'change':
        this.#change(record.xid, record.rows);
        return undefined;
      case 'commit':
      case 'commit_prepared':
        return this.#commit(record);
      case 'prepare':
        return this.#prepare(record);
      case 'abort':
      case 'rollback_prepared':
        return this.#abort(record);
      case 'running_xacts':
        this.#runningXacts(record.start, record);
        return undefined;
      case 'shutdown_checkpoint':
      case 'end_of_recovery':
        this.#serializationPoint(record.start);
        return undefined;
      case 'checkpoint_redo':
      case 'checkpoint':
      case 'message':
      case 'switch':
      case 'prune':
      case 'create_database':
      case 'rename_database':
      case 'drop_database':
        return undefined;
    }
  }

  #touch(xid: Xid): Seen {
    const known = this.#seen.get(xid);
    if (known !== undefined) {
      return known;
    }
    const seen: Seen = {
      restartAt: this.#currentRestart,
      rows: [],
      preparedAt: undefined,
      baseXmin: undefined,
    };
    this.#seen.set(xid, seen);
    return seen;
  }

  /** `heap_decode` and `SnapBuildProcessChange`. */
  #change(xid: Xid, rows: readonly RowId[]): void {
    const seen = this.#touch(xid);
    if (this.#state < FULL || (this.#state < CONSISTENT && xid < this.#nextPhaseAt)) {
      return;
    }
    this.#snapshotXmin ??= this.#xmin;
    seen.baseXmin ??= this.#snapshotXmin;
    seen.rows.push(...rows);
  }

  /** `xact_decode`, `SnapBuildCommitTxn` and `DecodeTXNNeedSkip`. */
  #commit(
    record: WalRecord & { readonly kind: 'commit' | 'commit_prepared' },
  ): DecodedTransaction | undefined {
    const { xid, start, end, database, catalog } = record;
    if (this.#state < FULL) {
      return undefined;
    }
    const seen = this.#seen.get(xid);
    this.#seen.delete(xid);
    if (this.#state < CONSISTENT) {
      this.#startDecodingAt = Math.max(this.#startDecodingAt, start + 1);
    }
    if (catalog) {
      this.#snapshotXmin = this.#xmin;
    }
    if (seen === undefined || !this.#isSent(record)) {
      return undefined;
    }
    if (record.kind === 'commit_prepared' && this.#slot.twoPhase) {
      // What the client was to have before, from this slot or the one that it read then, is not sent again.
      const isNew = (seen.preparedAt ?? 0) < (this.#slot.twoPhaseAt ?? 0);
      return { xid, database, rows: isNew ? seen.rows : [], start, end, phase: 'commit_prepared' };
    }
    return seen.rows.length > 0 ? { xid, database, rows: seen.rows, start, end } : undefined;
  }

  /** `DecodePrepare`. */
  #prepare(record: WalRecord & { readonly kind: 'prepare' }): DecodedTransaction | undefined {
    const { xid, database, start, end } = record;
    if (this.#state < FULL) {
      return undefined;
    }
    if (!this.#slot.twoPhase) {
      this.#touch(xid);
      return undefined;
    }
    const seen = this.#seen.get(xid);
    if (seen === undefined) {
      return undefined;
    }
    seen.preparedAt = start;
    return this.#isSent(record)
      ? { xid, database, rows: seen.rows, start, end, phase: 'prepare' }
      : undefined;
  }

  /** What is read of a transaction before there is a snapshot stays until a running-xacts record shows that it is over. */
  #abort(
    record: WalRecord & { readonly kind: 'abort' | 'rollback_prepared' },
  ): DecodedTransaction | undefined {
    const { kind, xid, start, end } = record;
    if (this.#state < FULL) {
      return undefined;
    }
    const seen = this.#seen.get(xid);
    this.#seen.delete(xid);
    if (kind === 'abort' || seen === undefined || !this.#slot.twoPhase || !this.#isSent(record)) {
      return undefined;
    }
    return { xid, database: record.database, rows: [], start, end, phase: 'rollback_prepared' };
  }

  /** The opposite of `DecodeTXNNeedSkip`. */
  #isSent({ start, database }: { readonly start: Position; readonly database: number }): boolean {
    return (
      this.#state === CONSISTENT && start >= this.#startDecodingAt && database === this.#slot.databaseOid
    );
  }

  /** `SnapBuildProcessRunningXacts`, and what `standby_decode` does after it. */
  #runningXacts(at: Position, record: WalRecord & { readonly kind: 'running_xacts' }): void {
    const { running, nextXid } = record;
    const oldest = running.length === 0 ? nextXid : Math.min(...running);
    if (this.#state === CONSISTENT) {
      this.#serialize(at);
      this.#tellSlot(at, oldest);
    } else if (this.#findSnapshot(at, oldest, record)) {
      this.#tellSlot(at, oldest);
    }
    this.#abortOld(oldest);
  }

  #tellSlot(at: Position, oldest: Xid): void {
    this.#xmin = oldest;
    increaseXmin(this.#slot, at, this.#oldestBaseXmin() ?? oldest);
    if (this.#state < CONSISTENT) {
      return;
    }
    const [first] = this.#seen.values();
    // Where no transaction is open it is the snapshot that was saved last, which is the present restart point.
    const restart = first === undefined ? this.#currentRestart : first.restartAt;
    if (restart !== undefined) {
      increaseRestart(this.#slot, at, restart);
    }
  }

  /** `SnapBuildFindSnapshot`; false when the point is found, and nothing more is to be done with this record. */
  #findSnapshot(
    at: Position,
    oldest: Xid,
    { nextXid, running }: WalRecord & { readonly kind: 'running_xacts' },
  ): boolean {
    const horizon = this.#initialXminHorizon;
    if (horizon !== undefined && oldest < horizon) {
      this.#onWait?.(running.filter((xid) => xid <= horizon));
      return true;
    }
    if (oldest === nextXid) {
      this.#startDecodingAt = Math.max(this.#startDecodingAt, at + 1);
      this.#xmin = nextXid;
      this.#state = CONSISTENT;
      return false;
    }
    if (this.#initialXminHorizon === undefined && this.#restore(at)) {
      return false;
    }
    if (this.#state === START) {
      this.#state = BUILDING;
      this.#nextPhaseAt = nextXid;
      this.#xmin = nextXid;
      this.#onWait?.(running);
    } else if (this.#nextPhaseAt <= oldest && this.#state === BUILDING) {
      this.#state = FULL;
      this.#nextPhaseAt = nextXid;
      this.#onWait?.(running);
    } else if (this.#nextPhaseAt <= oldest) {
      this.#state = CONSISTENT;
    }
    return true;
  }

  /** `SnapBuildSerializationPoint`. */
  #serializationPoint(at: Position): void {
    if (this.#state === CONSISTENT) {
      this.#serialize(at);
    } else {
      this.#restore(at);
    }
  }

  #serialize(at: Position): void {
    if (!this.#snapshots.has(at)) {
      this.#snapshots.set(at, this.#xmin);
    }
    this.#currentRestart = at;
  }

  #restore(at: Position): boolean {
    const xmin = this.#snapshots.get(at);
    if (xmin === undefined || (this.#initialXminHorizon !== undefined && xmin < this.#initialXminHorizon)) {
      return false;
    }
    this.#state = CONSISTENT;
    this.#xmin = xmin;
    this.#snapshotXmin = xmin;
    this.#currentRestart = at;
    return true;
  }

  /** xmin of the transaction whose snapshot is the oldest (`ReorderBufferGetOldestXmin`). */
  #oldestBaseXmin(): Xid | undefined {
    let oldest: Xid | undefined;
    for (const { baseXmin } of this.#seen.values()) {
      if (baseXmin !== undefined && (oldest === undefined || baseXmin < oldest)) {
        oldest = baseXmin;
      }
    }
    return oldest;
  }

  /** `ReorderBufferAbortOld`: forgets transactions that ended without a record, up to the first one that may go on. */
  #abortOld(oldest: Xid): void {
    for (const xid of this.#seen.keys()) {
      if (xid >= oldest) {
        return;
      }
      this.#seen.delete(xid);
    }
  }
}
