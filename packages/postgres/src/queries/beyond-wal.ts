import { parseSlotName, type SeenPosition } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';
import { requiredLsn } from './wal-position.ts';

interface BeyondWalRow {
  readonly slot_name: string;
  readonly position: string;
  readonly insert_lsn: string;
}

/**
 * Logical slots of a primary, of all databases, that stand beyond its WAL, or whose clients say that they do. The end of WAL is read for each row after its position, and only grows: none is found that was not beyond. A
 * walsender's positions need pg_monitor; without it only the slots' own count.
 */
export async function readBeyondWal(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<readonly SeenPosition[]> {
  const text = `
    select p.slot_name, p.position::text, pg_current_wal_insert_lsn()::text as insert_lsn
      from (select s.slot_name, greatest(s.confirmed_flush_lsn, w.write_lsn, w.flush_lsn) as position
              from pg_get_replication_slots() as s
              left join pg_stat_get_wal_senders() as w on w.pid = s.active_pid
             where s.slot_type = 'logical' and not s.temporary
            offset 0) as p
     where p.position > pg_current_wal_insert_lsn()`;
  const rows = await connection.run<BeyondWalRow>({ name: 'slotcast_beyond_wal', text }, { signal });
  return rows.map((row) => ({
    slot: parseSlotName(row.slot_name),
    position: requiredLsn(row.position, 'the position of a subscriber'),
    insertLsn: requiredLsn(row.insert_lsn, 'pg_current_wal_insert_lsn()'),
  }));
}
