import { parseSlotName, type SlotState, slotTypes } from '@slotcast/domain';
import { supports } from './server-version.ts';
import { optionalLsn } from './wal-position.ts';

/** A row of `pg_replication_slots`, of a server of any major. */
export interface SlotRow {
  readonly slot_name: string;
  readonly slot_type: string;
  readonly plugin: string | null;
  readonly database: string | null;
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
 * The columns of a `SlotRow` from `pg_replication_slots as s`. Before 17 the reason of an invalidation is derived. On 16
 * `conflicting` is set whatever the cause, but only the loss of WAL takes restart_lsn away; older ones know no other cause.
 */
export function slotColumns(major: number): string {
  const since = (feature: Parameters<typeof supports>[1], expression: string, otherwise: string): string =>
    supports(major, feature) ? expression : otherwise;
  const derivedReason = since(
    'slotConflicts',
    `case when s.conflicting and s.restart_lsn is not null then 'conflicting' when s.wal_status = 'lost' then 'wal_removed' end`,
    `case when s.wal_status = 'lost' then 'wal_removed' end`,
  );
  return `
    s.slot_name, s.slot_type, s.plugin, s.database, s.temporary,
    ${since('twoPhaseSlots', 's.two_phase', 'false')} as two_phase,
    ${since('twoPhaseAt', 's.two_phase_at', 'null::pg_lsn')} as two_phase_at,
    ${since('slotSync', 's.failover', 'false')} as failover,
    ${since('slotSync', 's.synced', 'false')} as synced,
    s.restart_lsn, s.confirmed_flush_lsn, s.xmin, s.catalog_xmin, s.wal_status,
    ${since('slotSync', 's.invalidation_reason', derivedReason)} as invalidation_reason,
    s.active,
    ${since('slotSync', 'floor(extract(epoch from s.inactive_since) * 1000)::float8', 'null::float8')} as inactive_since`;
}

/** The state of a slot from its row. Throws a RangeError on a name, type or position that PostgreSQL cannot have written. */
export function slotState(row: SlotRow): SlotState {
  const type = slotTypes.find((known) => known === row.slot_type);
  if (type === undefined) {
    throw new RangeError(`replication slot ${row.slot_name} has the unknown type ${row.slot_type}`);
  }
  return {
    name: parseSlotName(row.slot_name),
    type,
    plugin: row.plugin ?? undefined,
    database: row.database ?? undefined,
    twoPhase: row.two_phase,
    twoPhaseAt: optionalLsn(row.two_phase_at),
    failover: row.failover,
    synced: row.synced,
    restartLsn: optionalLsn(row.restart_lsn),
    confirmedFlushLsn: optionalLsn(row.confirmed_flush_lsn),
    xmin: transactionId(row.xmin),
    catalogXmin: transactionId(row.catalog_xmin),
    walStatus: row.wal_status ?? undefined,
    invalidationReason: row.invalidation_reason ?? undefined,
    active: row.active,
    inactiveSince: row.inactive_since ?? undefined,
  };
}

function transactionId(text: string | null): number | undefined {
  return text === null ? undefined : Number(text);
}
