import { formatLsn, type Lsn, parseLsn, type SlotName, supports } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';

/** A slot of a standby to make anew, as a copy of the leading slot of its database. */
export interface SlotRemake {
  readonly slot: SlotName;
  readonly leader: SlotName;
  readonly plugin: string;
  /** What the slot's subscriber has confirmed: the leader must not stand beyond it. */
  readonly confirmed: Lsn;
}

/** `refused`: nothing was touched. */
export type RemakeOutcome =
  | { readonly kind: 'remade'; readonly position: Lsn }
  | { readonly kind: 'refused'; readonly reason: string };

interface RemakeRow {
  readonly obstacle: string | null;
  readonly lsn: string | null;
}

/**
 * Drops a slot and makes it again as a copy of the leader, which takes over the leader's positions. The session has to be in the database of
 * both. Whatever the copy needs is looked at in the same statement, before the drop. Nothing makes the two steps one: in between the name is free for some
 * milliseconds, and a crash of the server there leaves no slot. But nothing else interrupts the statement there. Both calls are in one expression, in which the server looks
 * neither for a cancellation nor for the end of its client, so it must not be split into two, nor into two rows.
 *
 * Rejects with 55006 when the slot is in use; with 42710 or 53400 when somebody took the name or the place in between. Then the slot is gone.
 */
export async function remakeSlot(
  connection: PostgresConnection,
  { slot, leader, plugin, confirmed }: SlotRemake,
  timeoutMs: number,
): Promise<RemakeOutcome> {
  const text = `
    select look.obstacle,
           (pg_copy_logical_replication_slot(
              case pg_drop_replication_slot(case when look.obstacle is null then $1::name end)::text when '' then $2::name end,
              $1::name, temporary => false, plugin => $3::name)).lsn
      from (${lookBeforeRemake(connection.major)}) as look`;
  const values = [slot, leader, plugin, formatLsn(confirmed)];
  const [row] = await connection.run<RemakeRow>(
    { name: 'slotcast_remake_slot', text, values },
    { timeoutMs },
  );
  if (row === undefined || row.obstacle !== null) {
    return { kind: 'refused', reason: row?.obstacle ?? 'the server returned no row' };
  }
  if (row.lsn === null) {
    throw new Error(`${text} returned no position for slot ${slot}`);
  }
  return { kind: 'remade', position: parseLsn(row.lsn) };
}

/**
 * Drops the leading slot of a standby, if it is there and nobody uses it, unless one of the slots that may have to be made from it is missing. The session has
 * to be in its database.
 */
export async function dropLeadingSlot(
  connection: PostgresConnection,
  { leader, needed }: { readonly leader: SlotName; readonly needed: readonly SlotName[] },
  timeoutMs: number,
): Promise<void> {
  const text = `
    select pg_drop_replication_slot(l.slot_name)
      from pg_replication_slots as l, pg_stat_get_activity(pg_backend_pid()) as own
     where l.slot_name = $1::name and l.datoid = own.datid and not l.active and pg_is_in_recovery()
       and not exists (select from unnest($2::name[]) as wanted (name)
                        where not exists (select from pg_replication_slots as s where s.slot_name = wanted.name))`;
  await connection.run({ text, values: [leader, needed] }, { timeoutMs });
}

/** One row with what stands in the way, or null. `offset 0` keeps the look in one place, and before the steps. */
function lookBeforeRemake(major: number): string {
  const isInvalid = (alias: string): string =>
    supports(major, 'slotSync')
      ? `(${alias}.invalidation_reason is not null or ${alias}.wal_status = 'lost')`
      : `(coalesce(${alias}.conflicting, false) or ${alias}.wal_status = 'lost')`;
  const isSynced = supports(major, 'slotSync') ? 's.synced' : 'false';
  return `
    select case
             when not pg_is_in_recovery() then 'the server is no standby any more'
             when s.slot_name is null then 'there is no such slot'
             when l.slot_name is null then 'the leading slot is gone'
             when s.slot_type <> 'logical' or s.temporary or ${isSynced} then 'it is none of the slots that may be made anew'
             when s.datoid <> own.datid then 'it belongs to another database'
             when s.two_phase then 'a copy would lose two_phase'
             when s.plugin <> $3::name then 'it has another plugin'
             when s.active then 'another session uses it'
             when ${isInvalid('s')} then 'it is invalidated'
             when s.confirmed_flush_lsn is null or s.restart_lsn is null then 'it has no position'
             when l.slot_type <> 'logical' or l.temporary or l.datoid <> own.datid or l.two_phase then 'the leading slot is another one'
             when ${isInvalid('l')} or l.restart_lsn is null or l.confirmed_flush_lsn is null then 'the leading slot is invalidated'
             when l.confirmed_flush_lsn > least(s.confirmed_flush_lsn, $4::pg_lsn) then 'the leading slot is beyond it'
             when l.restart_lsn <= s.restart_lsn then 'the leading slot needs as much WAL'
           end as obstacle
      from pg_stat_get_activity(pg_backend_pid()) as own
      left join pg_replication_slots as s on s.slot_name = $1
      left join pg_replication_slots as l on l.slot_name = $2
    offset 0`;
}
