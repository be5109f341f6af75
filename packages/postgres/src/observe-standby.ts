import type { LocalSlot, Lsn } from '@slotcast/domain';
import type { PostgresConnection } from './connection.ts';
import {
  isSlotRow,
  type OptionalSlotRow,
  readSlotRows,
  type SlotRows,
  slotColumns,
  slotState,
} from './slot-row.ts';
import { optionalLsn, requiredLsn } from './wal-position.ts';

/** What a standby showed in one statement: all slots, temporary ones, and those still in the making, too. */
export interface ObservedStandby extends SlotRows<LocalSlot> {
  readonly inRecovery: true;
  /** Up to here WAL was replayed after the slots were read. */
  readonly replayLsn: Lsn;
  /** Up to here WAL was received and flushed; absent as long as nothing was streamed. */
  readonly receiveLsn: Lsn | undefined;
}

export type StandbyObservation = ObservedStandby | { readonly inRecovery: false };

type ObserveStandbyRow = OptionalSlotRow & {
  readonly in_recovery: boolean;
  readonly replay_lsn: string | null;
  readonly receive_lsn: string | null;
};

/** Reads all slots and the WAL positions of a standby in one statement. */
export async function observeStandby(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<StandbyObservation> {
  const text = `
    select ${slotColumns(connection.major)},
           (select pg_is_in_recovery()) as in_recovery,
           (select pg_last_wal_replay_lsn()) as replay_lsn,
           (select pg_last_wal_receive_lsn()) as receive_lsn
      from (select) as server
      left join pg_replication_slots as s on true`;
  const rows = await connection.run<ObserveStandbyRow>(
    { name: 'slotcast_observe_standby', text },
    { signal },
  );
  const [first] = rows;
  if (first === undefined || !first.in_recovery) {
    return { inRecovery: false };
  }
  return {
    inRecovery: true,
    replayLsn: requiredLsn(first.replay_lsn, 'pg_last_wal_replay_lsn()'),
    receiveLsn: optionalLsn(first.receive_lsn),
    ...readSlotRows(rows.filter(isSlotRow), (row) =>
      Object.assign(slotState(row), { temporary: row.temporary }),
    ),
  };
}
