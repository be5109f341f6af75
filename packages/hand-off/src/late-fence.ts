import {
  FENCE_MARGIN_BYTES,
  type Lsn,
  type RaisedFence,
  startOf,
  type TimelineHistory,
} from '@slotcast/domain';
import { flushWal, type PostgresConnection, readWalEnd, readWalRoom } from '@slotcast/postgres';
import { type EndedRecovery, seenCommits } from './ended-recovery.ts';
import { raiseFence } from './wal-fence.ts';

/**
 * Raises the fence of a promoted server to a position that nobody knew when it was promoted, where no transaction has begun since its recovery ended; writes nothing where one has, or nobody saw
 * that end. The position is what a client says, so no more WAL is written than the server is set up to hold, but for the margin of a fence: a server whose disk is full ends, where a slot can be quarantined. `undefined` unless
 * no commit lies before the position.
 */
export async function raiseFenceLate(options: {
  readonly connection: PostgresConnection;
  readonly history: TimelineHistory;
  readonly ended: EndedRecovery | undefined;
  readonly target: Lsn;
  readonly signal: AbortSignal;
}): Promise<RaisedFence | undefined> {
  const { connection, history, ended, target, signal } = options;
  const life = await readWalEnd(connection, signal);
  const { baseline } = seenCommits(ended, { life, start: startOf(history) });
  if (baseline === undefined) {
    return undefined;
  }
  const room = (await readWalRoom(connection, signal)) ?? 0n;
  const missing = target - life.insertLsn;
  if (missing > room && missing > FENCE_MARGIN_BYTES) {
    return undefined;
  }
  const before = await raiseFence({ connection, targets: [], baseline, signal });
  if (!before.clean) {
    return undefined;
  }
  const pass = await raiseFence({ connection, targets: [target], baseline, signal });
  await flushWal(connection, signal);
  return pass.clean && pass.reachedLsn >= target ? pass : undefined;
}
