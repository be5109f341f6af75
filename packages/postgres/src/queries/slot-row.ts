import {
  type LocalSlot,
  type Lsn,
  parseSlotName,
  type Reason,
  reason,
  reasonText,
  type ServerFeature,
  type SlotName,
  type SlotState,
  supports,
} from '@slotcast/domain';
import { optionalLsn } from './wal-position.ts';

/** The last time that JavaScript has a date for, in milliseconds since 1970. */
const LAST_TIME_MS = 8_640_000_000_000_000;

/** A row of `pg_replication_slots`, of a server of any major. */
export interface SlotRow {
  readonly slot_name: string;
  readonly slot_type: string;
  readonly plugin: string | null;
  readonly database: string | null;
  readonly datoid: number | null;
  readonly temporary: boolean;
  readonly two_phase: boolean;
  readonly two_phase_at: string | null;
  readonly failover: boolean;
  readonly synced: boolean;
  readonly restart_lsn: string | null;
  readonly confirmed_flush_lsn: string | null;
  readonly xmin: string | null;
  readonly catalog_xmin: string | null;
  readonly wal_status: string | null;
  readonly invalidation_reason: string | null;
  readonly active: boolean;
  /** Milliseconds since 1970. */
  readonly inactive_since: number | null;
}

/** A row when there are slots; all null in the one row of an outer join that found none. */
export type OptionalSlotRow = SlotRow | { readonly [Column in keyof SlotRow]: null };

/** True for the row of a slot. */
export function isSlotRow<Row extends OptionalSlotRow>(row: Row): row is Row & SlotRow {
  return row.slot_name !== null;
}

/**
 * The columns of a `SlotRow` from a row `s` of all slots, which is `slotsTable`. Before 17 the reason of an invalidation is derived. On 16
 * `conflicting` is set whatever the cause, but only the loss of WAL takes restart_lsn away; older ones know no other cause.
 */
export function slotColumns(major: number): string {
  const since = sinceOf(major);
  const derivedReason = since(
    'slotConflicts',
    `case when s.conflicting and s.restart_lsn is not null then 'conflicting' when s.wal_status = 'lost' then 'wal_removed' end`,
    `case when s.wal_status = 'lost' then 'wal_removed' end`,
  );
  return `
    s.slot_name, s.slot_type, s.plugin, s.database, s.datoid, s.temporary,
    ${since('twoPhaseSlots', 's.two_phase', 'false')} as two_phase,
    ${since('twoPhaseAt', 's.two_phase_at', 'null::pg_lsn')} as two_phase_at,
    ${since('slotSync', 's.failover', 'false')} as failover,
    ${since('slotSync', 's.synced', 'false')} as synced,
    s.restart_lsn, s.confirmed_flush_lsn, s.xmin, s.catalog_xmin, s.wal_status,
    ${since('slotSync', 's.invalidation_reason', derivedReason)} as invalidation_reason,
    s.active,
    ${since('slotSync', 'floor(extract(epoch from s.inactive_since) * 1000)::float8', 'null::float8')} as inactive_since`;
}

/**
 * All slots with the columns of `pg_replication_slots`, their `ordinal`, and a `hash` of what `slotColumns` reads. `safe_wal_size`, which changes all
 * the time, and the process id are not read. The view is this function with the name of the database; in it the slots could not be numbered
 * without sorting them.
 */
export function slotsTable(major: number): string {
  const since = sinceOf(major);
  const read = [
    's.slot_name, s.plugin, s.slot_type, s.datoid, d.datname, s.temporary, s.active, s.xmin, s.catalog_xmin',
    's.restart_lsn, s.confirmed_flush_lsn, s.wal_status',
    since('twoPhaseSlots', 's.two_phase', 'true'),
    since('twoPhaseAt', 's.two_phase_at', 'true'),
    since('slotConflicts', 's.conflicting', 'true'),
    since('slotSync', 's.failover, s.synced, s.inactive_since, s.invalidation_reason', 'true'),
  ].join(', ');
  const hash = since(
    'recordHash',
    `hash_record_extended(row(${read}), 0)`,
    `hashtextextended(row(${read})::text, 0)`,
  );
  return `(
    select s.*, d.datname as database, s.ordinality::int4 as ordinal, ${hash} as hash
      from pg_get_replication_slots() with ordinality as s
      left join pg_database as d on d.oid = s.datoid)`;
}

/** The condition on a row `s` of `slotsTable` that is not as a `SlotMemory` has it, or is the last one; its parameters are `$1` and `$2`. */
export const isNewToMemory =
  '(s.ordinal = $2 or substr($1::bytea, (s.ordinal - 1) * 8 + 1, 8) <> int8send(s.hash))';

function sinceOf(major: number) {
  return (feature: ServerFeature, expression: string, otherwise: string): string =>
    supports(major, feature) ? expression : otherwise;
}

/** A row that slotcast cannot carry, with what is wrong with it. */
export class UnreadableRow extends Error {
  override readonly name = 'UnreadableRow';
  readonly reason: Reason;

  constructor(why: Reason, cause?: unknown) {
    super(reasonText([why]), { cause });
    this.reason = why;
  }
}

/** The state of a slot from its row. Throws an UnreadableRow on what slotcast cannot carry. */
export function slotState(row: SlotRow): SlotState {
  const shared = {
    name: nameOf(row),
    restartLsn: position(row, 'restart_lsn'),
    catalogXmin: transactionId(row.catalog_xmin),
    walStatus: row.wal_status ?? undefined,
    invalidationReason: row.invalidation_reason ?? undefined,
    active: row.active,
  };
  switch (row.slot_type) {
    case 'physical':
      return { type: 'physical', ...shared, xmin: transactionId(row.xmin) };
    case 'logical':
      return { type: 'logical', ...shared, ...logicalColumns(row) };
    default:
      throw new UnreadableRow(reason('unreadable_type', { type: row.slot_type }));
  }
}

/** The same with what only the server that has the slot can make use of. Throws as `slotState` does. */
export function localSlot(row: SlotRow): LocalSlot {
  return Object.assign(slotState(row), {
    temporary: row.temporary,
    inactiveSince: time(row.inactive_since),
  });
}

function logicalColumns(row: SlotRow) {
  const { plugin, datoid } = row;
  if (plugin === null || datoid === null) {
    throw new UnreadableRow(reason('unreadable_logical', { lacks: plugin === null ? 'plugin' : 'database' }));
  }
  return {
    plugin,
    database: row.database ?? undefined,
    databaseOid: datoid,
    twoPhase: row.two_phase,
    twoPhaseAt: position(row, 'two_phase_at'),
    failover: row.failover,
    synced: row.synced,
    confirmedFlushLsn: position(row, 'confirmed_flush_lsn'),
  };
}

function nameOf(row: SlotRow): SlotName {
  try {
    return parseSlotName(row.slot_name);
  } catch (cause) {
    throw new UnreadableRow(
      reason('unreadable_name', { said: cause instanceof Error ? cause.message : String(cause) }),
      cause,
    );
  }
}

/** The server takes any position that a client confirms, up to FFFFFFFF/FFFFFFFF. */
function position(
  row: SlotRow,
  column: 'restart_lsn' | 'confirmed_flush_lsn' | 'two_phase_at',
): Lsn | undefined {
  try {
    return optionalLsn(row[column]);
  } catch (cause) {
    throw new UnreadableRow(reason('unreadable_position', { column, value: String(row[column]) }), cause);
  }
}

function transactionId(text: string | null): number | undefined {
  return text === null ? undefined : Number(text);
}

/** By a clock that is set beyond all dates nothing is told. */
function time(ms: number | null): number | undefined {
  return ms === null || Math.abs(ms) > LAST_TIME_MS ? undefined : ms;
}
