import { formatLsn, type Lsn, parseLsn } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';
import { nameUnlessPromoted, PromotedServerError } from './promoted-server.ts';
import { SlotMovedError } from './slot-drop.ts';

/**
 * Makes a physical slot that keeps WAL from the last restartpoint of the standby on, and returns where that is. Rejects with a PromotedServerError, and makes nothing, on a server
 * that is not in recovery; with 42710 when the name is taken, 53400 when max_replication_slots is reached.
 */
export async function createPhysicalSlot(
  connection: PostgresConnection,
  name: string,
  signal?: AbortSignal,
): Promise<Lsn> {
  const text = `select lsn from pg_create_physical_replication_slot(${nameUnlessPromoted('$1')}, true)`;
  const [row] = await connection.run<{ lsn: string | null }>({ text, values: [name] }, { signal });
  if (typeof row?.lsn !== 'string') {
    throw new PromotedServerError([name]);
  }
  return parseLsn(row.lsn);
}

interface FoundRow {
  readonly is_as_seen: boolean;
  readonly restart_lsn: string | null;
}

/**
 * Drops a physical slot that nobody uses, and that keeps WAL from where it was seen to. Rejects with 42704 when there is none, 55006 when it is in use, a SlotMovedError when it is no
 * physical slot, or keeps WAL from elsewhere on: somebody may have made it anew, or use it between two connections.
 */
export async function dropPhysicalSlot(
  connection: PostgresConnection,
  name: string,
  seen: { readonly restartLsn?: Lsn | undefined },
  signal?: AbortSignal,
): Promise<void> {
  const text = `
    select slot.is_as_seen, slot.restart_lsn,
           pg_drop_replication_slot(case when slot.is_as_seen is not false then $1::name end)
      from (values (1)) as always
      left join (select s.slot_type = 'physical' and s.restart_lsn is not distinct from $2::text::pg_lsn as is_as_seen,
                        s.restart_lsn::text
                   from pg_replication_slots as s
                  where s.slot_name = $1::name
                 offset 0) as slot on true`;
  const values = [name, seen.restartLsn === undefined ? null : formatLsn(seen.restartLsn)];
  const [row] = await connection.run<FoundRow>({ text, values }, { signal });
  if (row?.is_as_seen !== true) {
    throw new SlotMovedError(
      `physical slot ${name} was not dropped: it was moved, or made anew, since it was looked at, and needs WAL from ${row?.restart_lsn ?? 'nowhere'} on now`,
    );
  }
}
