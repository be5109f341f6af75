import type { Lsn } from '@slotcast/domain';
import { readWalRecord, type WalRecord, type WalSource } from './wal-record.ts';

/** What a running-transactions record says (`xl_running_xacts`). Transaction ids have 32 bits. */
export interface RunningTransactions {
  readonly lsn: Lsn;
  /** Top-level ones, prepared ones among them. */
  readonly transactions: number;
  readonly subtransactions: number;
  /** There were more subtransactions than the server kept track of. */
  readonly overflowed: boolean;
  readonly nextXid: number;
  /** The next one when none was running. */
  readonly oldestRunningXid: number;
  readonly latestCompletedXid: number;
  /** Top-level ones first. */
  readonly xids: readonly number[];
}

/** Whether transactions were running at a position. */
export type RunningAt =
  | { readonly kind: 'none'; readonly at: RunningTransactions }
  | { readonly kind: 'some'; readonly at: RunningTransactions }
  /** Nothing is proven. */
  | { readonly kind: 'unknown'; readonly why: string };

/** RM_STANDBY_ID. */
const STANDBY_MANAGER = 8;
/** XLOG_RUNNING_XACTS. */
const RUNNING_KIND = 0x10;
/** XLR_BLOCK_ID_DATA_SHORT, XLR_BLOCK_ID_DATA_LONG. */
const SHORT_DATA = 255;
const LONG_DATA = 254;
/** MinSizeOfXactRunningXacts. */
const FIXED_BYTES = 24;

/**
 * Says whether transactions were running at a position, by the running-transactions record that begins exactly there. `none` at a slot's `restart_lsn` means that decoding is consistent from its first
 * record on, so that the slot's state file is all that it needs (`SnapBuildFindSnapshot`: the oldest running one is the next one). With `some` it takes the decoding snapshot of that position as well.
 * Whatever is not surely understood is `unknown`.
 *
 * Found on servers of every major from 13 to 18: on a quiet server the `restart_lsn` of a logical slot is always the beginning of such a record. A new slot has that of the record that its making logged, whether or not a transaction
 * was open, and there is no snapshot of that position: it is where decoding had not become consistent yet. Once it has moved, it is that of a record at which decoding was consistent, and the snapshot of that position is
 * there. Where others write while a slot is made, its `restart_lsn` may be that of a record of theirs, which came in between: `unknown`. A prepared transaction is among the running ones, with its subtransactions.
 */
export function runningAt(source: WalSource, at: Lsn): RunningAt {
  const reading = readWalRecord(source, at);
  if (reading.kind !== 'record') {
    const why = reading.kind === 'missing' ? 'the WAL is not there' : reading.why;
    return { kind: 'unknown', why };
  }
  const running = decodeRunningTransactions(reading.record);
  if (running === undefined) {
    return { kind: 'unknown', why: 'the record there does not say which transactions were running' };
  }
  const isNone =
    running.transactions === 0 &&
    running.subtransactions === 0 &&
    !running.overflowed &&
    running.oldestRunningXid === running.nextXid;
  return { kind: isNone ? 'none' : 'some', at: running };
}

/** `undefined` for a record of another kind, or one that is not laid out as is known. */
export function decodeRunningTransactions(record: WalRecord): RunningTransactions | undefined {
  const data =
    record.manager === STANDBY_MANAGER && record.kind === RUNNING_KIND ? onlyData(record.body) : undefined;
  if (data === undefined || data.length < FIXED_BYTES) {
    return undefined;
  }
  const [transactions, subtransactions] = [data.readInt32LE(0), data.readInt32LE(4)];
  const overflowed = data.readUInt8(8);
  const isWhole = transactions >= 0 && subtransactions >= 0 && overflowed <= 1;
  if (!isWhole || data.length !== FIXED_BYTES + 4 * (transactions + subtransactions)) {
    return undefined;
  }
  const xids = Array.from({ length: transactions + subtransactions }, (_, index) =>
    data.readUInt32LE(FIXED_BYTES + 4 * index),
  );
  return {
    lsn: record.lsn,
    transactions,
    subtransactions,
    overflowed: overflowed === 1,
    nextXid: data.readUInt32LE(12),
    oldestRunningXid: data.readUInt32LE(16),
    latestCompletedXid: data.readUInt32LE(20),
    xids,
  };
}

/** The data of a record that has nothing else: no blocks, no origin. */
function onlyData(body: Buffer): Buffer | undefined {
  const [form] = body;
  const headerBytes = form === SHORT_DATA ? 2 : 5;
  if ((form !== SHORT_DATA && form !== LONG_DATA) || body.length < headerBytes) {
    return undefined;
  }
  const length = form === SHORT_DATA ? body.readUInt8(1) : body.readUInt32LE(1);
  return body.length === headerBytes + length ? body.subarray(headerBytes) : undefined;
}
