import { formatLsn, type SeenPlace } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';

/** A slot as it was found before it was to be dropped. */
interface FoundRow {
  /** Why it was not dropped. */
  readonly obstacle: 'physical' | 'other_database' | 'moved' | null;
  /** Nothing where there is none. */
  readonly database: string | null;
  readonly restart_lsn: string | null;
  readonly confirmed_flush_lsn: string | null;
}

/** A slot was not dropped, as it does not stand any more where it was seen. The next look shows what is to be done. */
export class SlotMovedError extends Error {
  override name = 'SlotMovedError';
}

/**
 * One row with the slot `$1` and what stands in the way of dropping it; parameters 2 to 4 are those of `seenValues`. The functions that change slots are strict, and `offset 0` keeps
 * the look at the slot in one place.
 */
const lookBeforeDrop = `
      (values (1)) as always
      left join (select case when s.slot_type <> 'logical' then 'physical'
                             when d.oid <> own.datid then 'other_database'
                             when $2::boolean and (s.restart_lsn, s.confirmed_flush_lsn) is distinct from ($3::text::pg_lsn, $4::text::pg_lsn)
                             then 'moved' end as obstacle,
                        d.datname as database, s.restart_lsn::text, s.confirmed_flush_lsn::text
                   from pg_stat_get_activity(pg_backend_pid()) as own, pg_replication_slots as s
                   left join pg_database as d on d.oid = s.datoid
                  where s.slot_name = $1::name
                 offset 0) as slot on true`;

/**
 * Drops a logical slot from a session of its own database, or from any once that database is gone. The server would allow any at any time, but holds the
 * slot for the moment of the drop, and a standby that replays `DROP DATABASE` in that moment shuts down. Rejects with 42704 when
 * there is none, 55006 when it is in use, a SlotMovedError when it was moved or made anew since it was `seen`: whoever did that may know more. Drops nothing
 * from another database, nor a physical slot.
 */
export async function dropSlot(
  connection: PostgresConnection,
  name: string,
  signal?: AbortSignal,
  seen?: SeenPlace,
): Promise<void> {
  const text = `
    select slot.obstacle, pg_drop_replication_slot(case when slot.obstacle is null then $1::name end),
           slot.database, slot.restart_lsn, slot.confirmed_flush_lsn
      from ${lookBeforeDrop}`;
  const [row] = await connection.run<FoundRow>({ text, values: seenValues(name, seen) }, { signal });
  assertDropped(row, { name, seen, connection });
}

/**
 * Drops a logical slot as `dropSlot` does, and puts a physical one under its name that holds nothing, so that nobody makes the slot anew by mistake. Slots know no
 * transactions: for some milliseconds the name is free. Both calls are in one expression, in which the server looks neither for a cancellation nor for the end
 * of its client, so it must not be split into two.
 *
 * Rejects as `dropSlot` does, and with 42710 or 53400 when somebody took the name or the place in between. Then the slot is gone.
 */
export async function replaceByPlaceholder(
  connection: PostgresConnection,
  name: string,
  seen: SeenPlace,
  signal?: AbortSignal,
): Promise<void> {
  const text = `
    select slot.obstacle,
           (pg_create_physical_replication_slot(
              case pg_drop_replication_slot(case when slot.obstacle is null then $1::name end)::text when '' then $1::name end,
              false)).slot_name,
           slot.database, slot.restart_lsn, slot.confirmed_flush_lsn
      from ${lookBeforeDrop}`;
  const [row] = await connection.run<FoundRow>({ text, values: seenValues(name, seen) }, { signal });
  assertDropped(row, { name, seen, connection });
}

/** Puts a physical slot under a name that holds nothing but that. Rejects with 42710 when the name is taken, 53400 when max_replication_slots is reached. */
export async function createPlaceholder(
  connection: PostgresConnection,
  name: string,
  signal?: AbortSignal,
): Promise<void> {
  const text = 'select slot_name from pg_create_physical_replication_slot($1::name, false)';
  await connection.run({ text, values: [name] }, { signal });
}

/** What was found under a name. */
export type FoundPlaceholder = 'dropped' | 'missing' | 'other';

/** Drops the slot of that name if it is a placeholder, by the rule of `isPlaceholder`. Any other one stays. Rejects with 55006 when it is in use by now. */
export async function dropPlaceholder(
  connection: PostgresConnection,
  name: string,
  signal?: AbortSignal,
): Promise<FoundPlaceholder> {
  const text = `
    select slot.is_placeholder,
           pg_drop_replication_slot(case when slot.is_placeholder then $1::name end)
      from (select s.slot_type = 'physical' and not s.temporary and not s.active and s.wal_status is null
                   and s.restart_lsn is null and s.xmin is null and s.catalog_xmin is null as is_placeholder
              from pg_replication_slots as s
             where s.slot_name = $1::name
            offset 0) as slot`;
  const [row] = await connection.run<{ is_placeholder: boolean }>({ text, values: [name] }, { signal });
  return row === undefined ? 'missing' : row.is_placeholder ? 'dropped' : 'other';
}

function assertDropped(
  row: FoundRow | undefined,
  {
    name,
    seen,
    connection,
  }: {
    readonly name: string;
    readonly seen: SeenPlace | undefined;
    readonly connection: PostgresConnection;
  },
): void {
  if (row?.obstacle !== null) {
    const text = `replication slot ${name} was not dropped from database ${connection.database}: ${obstacleText(row, seen)}`;
    throw row?.obstacle === 'moved' ? new SlotMovedError(text) : new Error(text);
  }
}

function obstacleText(row: FoundRow | undefined, seen: SeenPlace | undefined): string {
  switch (row?.obstacle) {
    case 'physical':
      return 'it is a physical slot';
    case 'other_database':
      return `it belongs to database ${row.database}`;
    case 'moved': {
      const [restart, confirmed] = positionsOf(seen);
      return `it was moved, or made anew, since it was looked at: it was at ${confirmed} and needed WAL from ${restart} on, now it is at ${row.confirmed_flush_lsn} and needs WAL from ${row.restart_lsn} on`;
    }
    case null:
    case undefined:
      return 'the server returned no row';
  }
}

function seenValues(name: string, seen: SeenPlace | undefined): readonly unknown[] {
  return [name, seen !== undefined, ...positionsOf(seen)];
}

function positionsOf(seen: SeenPlace | undefined): readonly (string | null)[] {
  return [seen?.restartLsn, seen?.confirmedFlushLsn].map((at) => (at === undefined ? null : formatLsn(at)));
}
