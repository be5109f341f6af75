import { type Lsn, xidPrecedesOrEquals } from '@slotcast/domain';
import { decodeRunningTransactions, type RunningTransactions } from './running-transactions.ts';
import { readWalRecord, type WalSource } from './wal-record.ts';

/** Where decoding becomes consistent. */
export type ConsistentPoint =
  /** At the running-transactions record that begins here. */
  | { readonly kind: 'found'; readonly lsn: Lsn }
  /** Not up to where it was looked for. */
  | { readonly kind: 'later' }
  /** Nothing is proven. */
  | { readonly kind: 'unknown'; readonly why: string };

export interface DecodingRange {
  /** A slot's `restart_lsn`. */
  readonly from: Lsn;
  /** Its `confirmed_flush_lsn`. */
  readonly until: Lsn;
}

/** It is not looked for in more WAL than this. */
const MAX_BYTES = 2n ** 28n;

/**
 * Says where decoding becomes consistent that begins at `from` and finds no decoding snapshot (`SnapBuildFindSnapshot`). `found`, which is at or before `until`, proves that the state file is all that the slot needs:
 * whatever is committed after that point is decoded from its beginning, and what was committed before was confirmed. With `later` the slot needs the snapshot at `from`: without
 * it the server passes over what is committed between `until` and that point, and says nothing.
 *
 * It is the point at which the slot was made, for a slot that has not moved since: found so on servers of all majors from 13 to 18 that wrote at the time. There is no snapshot of the `restart_lsn` of such a slot. For one
 * that has moved it is `from` itself, if nothing was running there; what goes beyond is this function's part, as `runningAt` says that much.
 */
export function consistentPoint(source: WalSource, { from, until }: DecodingRange): ConsistentPoint {
  const builder = new SnapshotBuilder();
  for (let at = from; at <= until; ) {
    if (at - from > MAX_BYTES) {
      return {
        kind: 'unknown',
        why: `decoding is not consistent within the first ${MAX_BYTES} bytes of WAL`,
      };
    }
    const reading = readWalRecord(source, at);
    if (reading.kind !== 'record') {
      const why = reading.kind === 'missing' ? 'the WAL is not there' : reading.why;
      return { kind: 'unknown', why };
    }
    const { record } = reading;
    const running = decodeRunningTransactions(record);
    if (running !== undefined && builder.becomesConsistent(running)) {
      return { kind: 'found', lsn: record.lsn };
    }
    at = record.endLsn;
  }
  return { kind: 'later' };
}

/** What the server goes through before it decodes. */
class SnapshotBuilder {
  #phase: 'start' | 'building' | 'full' = 'start';
  /** The phase ends when all transactions before this one have ended. */
  #nextPhaseAt = 0;

  /** To be called for each running-transactions record in turn. */
  becomesConsistent({ oldestRunningXid, nextXid }: RunningTransactions): boolean {
    if (oldestRunningXid === nextXid) {
      return true;
    }
    if (this.#phase !== 'start' && !xidPrecedesOrEquals(this.#nextPhaseAt, oldestRunningXid)) {
      return false;
    }
    if (this.#phase === 'full') {
      return true;
    }
    this.#phase = this.#phase === 'start' ? 'building' : 'full';
    this.#nextPhaseAt = nextXid;
    return false;
  }
}
