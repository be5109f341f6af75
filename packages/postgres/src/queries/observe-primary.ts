import {
  isInvalidated,
  isOwnWorkingSlot,
  type Lsn,
  type SlotState,
  type Timeline,
  timeline,
} from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';
import { type RememberedSlotRow, SlotMemory, type SlotRows } from './slot-memory.ts';
import { isNewToMemory, type SlotRow, slotColumns, slotState, slotsTable } from './slot-row.ts';
import { requiredLsn } from './wal-position.ts';

/** What a primary showed in one statement: all slots but temporary ones, logical ones in the making, and slotcast's own. */
export interface ObservedPrimary extends SlotRows<SlotState> {
  readonly inRecovery: false;
  /** Up to here WAL was flushed after the slots were read: no slot's position is beyond, unless its client is at fault. */
  readonly flushLsn: Lsn;
  /** Up to here WAL was written. */
  readonly insertLsn: Lsn;
  readonly timeline: Timeline;
}

export type PrimaryObservation = ObservedPrimary | { readonly inRecovery: true };

type ObservePrimaryRow = RememberedSlotRow & {
  readonly in_recovery: boolean;
  readonly flush_lsn: string | null;
  readonly insert_lsn: string | null;
  /** Name of the WAL file written now; its first 8 hexadecimal digits are the timeline. */
  readonly wal_file: string | null;
};

/** Remembers the slots of a primary from one look to the next. */
export function primaryMemory(): SlotMemory<SlotState> {
  return new SlotMemory((row: SlotRow) => {
    const slot = row.temporary ? undefined : slotState(row);
    return slot !== undefined && isWorthCarrying(slot) ? slot : undefined;
  });
}

/**
 * Reads all slots, the WAL positions and the timeline in one statement. The scalar subqueries are evaluated when the first row is put
 * together, which is after the function behind `pg_replication_slots` has returned all slots. Recovery can end but not begin, so
 * a WAL function is never called in recovery, where it would fail. With a `memory` of the last time it takes much less.
 */
export async function observePrimary(
  connection: PostgresConnection,
  signal?: AbortSignal,
  memory: SlotMemory<SlotState> = primaryMemory(),
): Promise<PrimaryObservation> {
  memory.prepare();
  const text = `
    select s.ordinal, s.hash, ${slotColumns(connection.major)},
           (select pg_is_in_recovery()) as in_recovery,
           (select case when not pg_is_in_recovery() then pg_current_wal_flush_lsn() end) as flush_lsn,
           (select case when not pg_is_in_recovery() then pg_current_wal_insert_lsn() end) as insert_lsn,
           (select case when not pg_is_in_recovery() then pg_walfile_name(pg_current_wal_lsn()) end) as wal_file
      from (select) as server
      left join ${slotsTable(connection.major)} as s on ${isNewToMemory}`;
  const rows = await connection.run<ObservePrimaryRow>(
    { name: 'slotcast_observe_primary', text, values: memory.parameters },
    { signal },
  );
  const [first] = rows;
  if (first === undefined || first.in_recovery || first.wal_file === null) {
    return { inRecovery: true };
  }
  const seen = memory.take(rows);
  return seen === undefined
    ? observePrimary(connection, signal, memory)
    : {
        inRecovery: false,
        flushLsn: requiredLsn(first.flush_lsn, 'pg_current_wal_flush_lsn()'),
        insertLsn: requiredLsn(first.insert_lsn, 'pg_current_wal_insert_lsn()'),
        timeline: timeline(Number.parseInt(first.wal_file.slice(0, 8), 16)),
        ...seen,
      };
}

/** A logical slot without confirmed_flush_lsn is still looking for its starting point, unless it was lost before. */
function isWorthCarrying(slot: SlotState): boolean {
  const inTheMaking = slot.type === 'logical' && slot.confirmedFlushLsn === undefined && !isInvalidated(slot);
  return !inTheMaking && !isOwnWorkingSlot(slot.name);
}
