import { reason } from '../reasons/reason.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { LocalSlot } from '../vocabulary/slot-state.ts';

/** What can take a slot of a standby, or the WAL that it needs. */
export interface SlotLimits {
  /** `max_slot_wal_keep_size`, or `wal_keep_size` if that is more; absent when WAL is kept without a limit. */
  readonly keepBytes?: bigint | undefined;
  /** `idle_replication_slot_timeout` (18); absent when there is none. */
  readonly idleTimeoutMs?: number | undefined;
  /** Where the oldest WAL file in pg_wal begins, as it was a while ago; absent when that is not known. */
  readonly oldestWalLsn?: Lsn | undefined;
}

/**
 * Why the next checkpoint, which a promotion is followed by, would take the slot. The server's own `wal_status` does not tell:
 * in recovery it is computed from a position that does not move.
 */
export function findLimit(
  { restartLsn }: LocalSlot,
  { keepBytes }: SlotLimits,
  endOfWal: Lsn,
): Reason | undefined {
  if (restartLsn === undefined || keepBytes === undefined || endOfWal - restartLsn <= keepBytes) {
    return undefined;
  }
  return reason('over_wal_limit', {
    restart_lsn: restartLsn,
    needed: endOfWal - restartLsn,
    kept: keepBytes,
  });
}

/** True when the first WAL file that the slot needs is not there. */
export function lacksWal({ restartLsn }: LocalSlot, { oldestWalLsn }: SlotLimits): boolean {
  return restartLsn !== undefined && oldestWalLsn !== undefined && restartLsn < oldestWalLsn;
}
