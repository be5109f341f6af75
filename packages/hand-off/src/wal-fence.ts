import type { FencePass, Lsn } from '@slotcast/domain';
import {
  fillWal,
  maySwitchWal,
  type PostgresConnection,
  readWalEnd,
  switchWal,
  type WalEnd,
  type WatchedRecovery,
} from '@slotcast/postgres';

/** PostgreSQL takes messages of up to 1 GiB; smaller ones keep the server's memory small. */
const PIECE_BYTES = 1024n * 1024n;

/** The transactions at the end of a recovery, as a watch saw them last. */
export type RecoveryBaseline = Pick<WatchedRecovery, 'nextXid' | 'oldestRunningXid'>;

/**
 * Pushes the WAL of a primary to the last of `targets`, which are in ascending order, unless it is there already. As long as the next
 * transaction id is that of the `baseline`, and no transaction that was under way then has committed because it was prepared, nothing was
 * committed so far. The pass tells the furthest position of which that is true, which is looked at after every target and every piece.
 * Which of the transactions since the oldest one had committed before the baseline is not told apart: such a pass is not clean, either.
 * Safe to repeat, and to do twice at once.
 *
 * Nothing here begins a transaction. Before 17 the WAL may not be flushed afterwards, see `flushWal`.
 */
export async function raiseFence(options: {
  readonly connection: PostgresConnection;
  readonly targets: readonly Lsn[];
  readonly baseline: RecoveryBaseline | undefined;
  readonly signal: AbortSignal;
}): Promise<FencePass> {
  const { connection, targets, baseline, signal } = options;
  const look = (): Promise<WalEnd> => readWalEnd(connection, signal, baseline?.oldestRunningXid);
  let end = await look();
  let cleanLsn = isUntouched(end, baseline) ? end.insertLsn : undefined;
  let switches: boolean | undefined;
  for (const target of targets) {
    while (end.insertLsn < target) {
      switches ??= await maySwitchWal(connection, signal);
      await push(connection, end, { target, switches }, signal);
      end = await look();
      cleanLsn = isUntouched(end, baseline) ? end.insertLsn : cleanLsn;
    }
  }
  return { reachedLsn: cleanLsn ?? end.insertLsn, clean: cleanLsn !== undefined };
}

function isUntouched(end: WalEnd, baseline: RecoveryBaseline | undefined): boolean {
  return end.nextXid === baseline?.nextXid && !end.hasCommitted;
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
