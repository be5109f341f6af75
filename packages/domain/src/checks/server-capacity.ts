import { type Check, failed, ok, warning } from './check.ts';

/** What of a cluster takes up replication slots and walsenders of a server. */
export interface ClusterSize {
  readonly logicalSlots: number;
  /** Databases that have logical slots. */
  readonly databases: number;
  readonly standbys: number;
  /** Those of the physical slots that `SLOTCAST_SLOTS` selects, so that the standby keeps copies of them; none when absent. */
  readonly carriedPhysical?: number | undefined;
}

/** The consumer keeps one walsender, the publisher takes one for a moment. One for each database with slots comes on top, with which slots are moved. */
const OWN_WAL_SENDERS = 2;

/** Judges `max_replication_slots`: the copies, the physical slots, and temporary slots while copies are made. */
export function checkReplicationSlots(
  server: { readonly max: number; readonly used: number; readonly inRecovery: boolean },
  size: ClusterSize,
): Check {
  const { max, used, inRecovery } = server;
  const needed = size.logicalSlots + size.standbys + size.databases;
  const fact = `max_replication_slots is ${max}, in use ${used}, needed ${needed} (${plural(size.logicalSlots, 'logical slot')}, ${plural(size.standbys, 'standby')}, ${plural(size.databases, 'database')} with slots)`;
  if (max >= needed && used < max) {
    return ok('max_replication_slots', fact);
  }
  const target = Math.max(needed, used + 2);
  const remedy = `ALTER SYSTEM SET max_replication_slots = ${target}; /* then restart the server */`;
  // Those for other standbys that are not carried are needed here after a promotion only.
  const copies = size.logicalSlots + (size.carriedPhysical ?? 0) + size.databases;
  if (inRecovery && (used >= max || max < copies)) {
    return failed('max_replication_slots', `${fact}: what does not fit is not made`, remedy);
  }
  return warning('max_replication_slots', `${fact}: too few for this server in the other role`, remedy);
}

/** Judges `max_wal_senders`. `busy` are those that others than slotcast use at this time. */
export function checkWalSenders(
  server: { readonly max: number; readonly busy: number },
  size: ClusterSize,
): Check {
  const { max, busy } = server;
  const own = OWN_WAL_SENDERS + size.databases;
  const needed = Math.max(size.logicalSlots + size.standbys, busy) + own;
  const fact = `max_wal_senders is ${max}, in use by others ${busy}, needed ${needed} (${plural(size.standbys, 'standby')}, ${plural(size.logicalSlots, 'subscriber')}, ${own} for slotcast: ${OWN_WAL_SENDERS} and one per database with slots)`;
  if (max >= needed) {
    return ok('max_wal_senders', fact);
  }
  // A standby whose value is below its primary's stops replay, so the standbys go first.
  const remedy = `/* on the standbys first, the primary last */ ALTER SYSTEM SET max_wal_senders = ${needed}; /* then restart the server */`;
  return max < busy + OWN_WAL_SENDERS
    ? failed('max_wal_senders', `${fact}: slotcast cannot connect`, remedy)
    : warning(
        'max_wal_senders',
        `${fact}: not all could connect at once, and slots of a database without one are advanced by decoding`,
        remedy,
      );
}

function plural(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`;
}
