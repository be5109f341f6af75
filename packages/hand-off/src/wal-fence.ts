import type { FencePass, Lsn } from '@slotcast/domain';
import {
  fillWal,
  maySwitchWal,
  type PostgresConnection,
  readWalEnd,
  switchWal,
  type WalEnd,
} from '@slotcast/postgres';

/** PostgreSQL takes messages of up to 1 GiB; smaller ones keep the server's memory small. */
const PIECE_BYTES = 1024n * 1024n;

/**
 * Pushes the WAL of a primary to the last of `targets`, which are in ascending order, unless it is there already. `baselineXid` is
 * the next transaction id at the end of recovery: as long as it is still the next one, nothing was committed so far. The pass tells the
 * furthest position of which that is true, which is looked at after every target and every piece. Safe to repeat, and to do twice at once.
 *
 * Nothing here begins a transaction. Before 17 the WAL may not be flushed afterwards, see `flushWal`.
 */
export async function raiseFence(options: {
  readonly connection: PostgresConnection;
  readonly targets: readonly Lsn[];
  readonly baselineXid: number | undefined;
  readonly signal: AbortSignal;
}): Promise<FencePass> {
  const { connection, targets, baselineXid, signal } = options;
  let end = await readWalEnd(connection, signal);
  let cleanLsn = end.nextXid === baselineXid ? end.insertLsn : undefined;
  let switches: boolean | undefined;
  for (const target of targets) {
    while (end.insertLsn < target) {
      switches ??= await maySwitchWal(connection, signal);
      await push(connection, end, { target, switches }, signal);
      end = await readWalEnd(connection, signal);
      cleanLsn = end.nextXid === baselineXid ? end.insertLsn : cleanLsn;
    }
  }
  return { reachedLsn: cleanLsn ?? end.insertLsn, clean: cleanLsn !== undefined };
}

async function push(
  connection: PostgresConnection,
  end: WalEnd,
  way: { readonly target: Lsn; readonly switches: boolean },
  signal: AbortSignal,
): Promise<void> {
  const missing = way.target - end.insertLsn;
  if (way.switches) {
    await switchWal(connection, signal);
  } else {
    await fillWal(connection, Number(missing < PIECE_BYTES ? missing : PIECE_BYTES), signal);
  }
}
