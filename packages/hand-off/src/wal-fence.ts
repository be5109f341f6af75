import { type Lsn, lsn, minLsn, type RaisedFence } from '@slotcast/domain';
import { type Logger } from '@slotcast/kernel';
import {
  describePostgresError,
  fillWal,
  haveAborted,
  maySwitchWal,
  type PostgresConnection,
  readWalEnd,
  readWalRoom,
  switchWal,
  type WalEnd,
  type WatchedRecovery,
} from '@slotcast/postgres';
import { isRefusal } from './refusal.ts';

/** PostgreSQL takes messages of up to 1 GiB; smaller ones keep the server's memory small. */
const PIECE_BYTES = 1024n * 1024n;
/** The same where there is far to go. */
const LARGE_PIECE_BYTES = 16n * PIECE_BYTES;

/** The transactions at the end of a recovery, as a watch saw them last. */
export type RecoveryBaseline = Pick<WatchedRecovery, 'nextXid' | 'openXids'>;

/**
 * Pushes the WAL of a primary to the last of `targets`, which are in ascending order, unless it is there already. As long as the next
 * transaction id is that of the `baseline`, and no transaction that was open then is prepared or has committed, nothing was committed so
 * far. The pass tells the furthest position of which that is true, which is looked at after every target and every piece. Safe to repeat,
 * and to do twice at once.
 *
 * Nothing here begins a transaction. Before 17 the WAL may not be flushed afterwards, see `flushWal`.
 */
export async function raiseFence(options: {
  readonly connection: PostgresConnection;
  readonly targets: readonly Lsn[];
  readonly baseline: RecoveryBaseline | undefined;
  readonly signal: AbortSignal;
  readonly pieceBytes?: bigint;
}): Promise<RaisedFence> {
  const { connection, targets, baseline, signal, pieceBytes = PIECE_BYTES } = options;
  const baselineXid = await untouchedXid(connection, baseline, signal);
  let end = await readWalEnd(connection, signal);
  let cleanLsn = end.nextXid === baselineXid ? end.insertLsn : undefined;
  let switches: boolean | undefined;
  for (const target of targets) {
    while (end.insertLsn < target) {
      switches ??= await maySwitchWal(connection, signal);
      await push(connection, end, { target, switches, pieceBytes }, signal);
      end = await readWalEnd(connection, signal);
      cleanLsn = end.nextXid === baselineXid ? end.insertLsn : cleanLsn;
    }
  }
  return { reachedLsn: cleanLsn ?? end.insertLsn, clean: cleanLsn !== undefined, flushedLsn: end.flushLsn };
}

/**
 * The same, or no pass where the server refuses to be pushed, which is logged: the slots that it would have covered have to be put out of reach like those that no fence
 * covers, and that cannot wait until somebody has given the right back.
 */
export async function tryFence(
  options: Parameters<typeof raiseFence>[0] & { readonly logger: Logger },
): Promise<readonly RaisedFence[]> {
  try {
    return [await raiseFence(options)];
  } catch (error) {
    if (!isRefusal(error)) {
      throw error;
    }
    options.logger.error(
      { error: describePostgresError(error) },
      'the WAL fence cannot be raised: slots whose subscribers are ahead are quarantined instead',
    );
    return [];
  }
}

/**
 * The same up to `reach`, for what subscribers may have confirmed while nothing was heard of them. Of that nothing is known, so no more WAL is written than the server is set up
 * to hold: one whose disk is full ends, and takes more with it than a subscriber that may skip changes.
 */
export async function widenFence(options: {
  readonly connection: PostgresConnection;
  readonly reach: Lsn;
  readonly baseline: RecoveryBaseline | undefined;
  readonly signal: AbortSignal;
}): Promise<RaisedFence> {
  const { connection, reach, signal } = options;
  const { insertLsn } = await readWalEnd(connection, signal);
  const room = (await readWalRoom(connection, signal)) ?? 0n;
  const target = minLsn(reach, lsn(insertLsn + room));
  return await raiseFence({ ...options, targets: [target], pieceBytes: LARGE_PIECE_BYTES });
}

/** The next transaction id as long as nothing was committed; absent when the id cannot tell, because of what was open before. */
async function untouchedXid(
  connection: PostgresConnection,
  baseline: RecoveryBaseline | undefined,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { nextXid, openXids } = baseline ?? {};
  if (openXids === undefined) {
    return undefined;
  }
  return openXids.length === 0 || (await haveAborted(connection, openXids, signal)) ? nextXid : undefined;
}

async function push(
  connection: PostgresConnection,
  end: WalEnd,
  way: { readonly target: Lsn; readonly switches: boolean; readonly pieceBytes: bigint },
  signal: AbortSignal,
): Promise<void> {
  const missing = way.target - end.insertLsn;
  if (way.switches) {
    await switchWal(connection, signal);
  } else {
    await fillWal(connection, Number(missing < way.pieceBytes ? missing : way.pieceBytes), signal);
  }
}
