import type { ServerCore } from './core.ts';
import { type DecodedTransaction, Decoder, type SnapshotFiles } from './decoder.ts';
import type { Slot } from './slot.ts';
import { missingWal } from './sqlstate.ts';
import { type Position, SEGMENT_BYTES, type Wal } from './wal.ts';

/** Throws 58P01 when the server has not all WAL from the slot's restart_lsn on. */
export function requireWal(core: ServerCore, slot: Slot): Position {
  const { restartLsn } = slot;
  if (restartLsn === undefined || restartLsn < core.oldestWal) {
    throw missingWal(String(Math.floor((restartLsn ?? 0) / SEGMENT_BYTES)));
  }
  return restartLsn;
}

/**
 * Decodes WAL for a slot from its restart_lsn up to a position as an advance does: the record that reaches it is read whole. Gives the slot
 * later positions to start from.
 */
export function decodeUpTo(
  wal: Wal,
  slot: Slot,
  snapshots: SnapshotFiles,
  { startDecodingAt, upTo }: { readonly startDecodingAt: Position; readonly upTo: Position },
): readonly DecodedTransaction[] {
  const decoder = new Decoder(slot, snapshots, { startDecodingAt });
  const sent: DecodedTransaction[] = [];
  let position = slot.restartLsn ?? 0;
  for (let index = wal.countBefore(position); position < upTo && index < wal.length; index += 1) {
    const record = wal.at(index);
    const transaction = decoder.read(record);
    if (transaction !== undefined) {
      sent.push(transaction);
    }
    position = record.end;
  }
  return sent;
}

/**
 * What a client of a slot would get of a server's WAL up to a count of records, if it asked for `from`. Nothing is changed. `undefined` when the slot
 * cannot be decoded.
 */
export function wouldDeliver(
  core: ServerCore,
  slot: Slot,
  from: Position | undefined,
  count: number,
): readonly DecodedTransaction[] | undefined {
  const isUsable =
    slot.confirmedFlush !== undefined && slot.invalidation === undefined && !slot.brokenCatalog;
  if (!isUsable || slot.restartLsn === undefined || slot.restartLsn < core.oldestWal) {
    return undefined;
  }
  const startDecodingAt = Math.max(slot.confirmedFlush ?? 0, from ?? 0);
  const copy = { ...slot };
  return decodeUpTo(core.wal, copy, new Map(core.snapshots), {
    startDecodingAt,
    upTo: core.wal.endOf(count),
  });
}
