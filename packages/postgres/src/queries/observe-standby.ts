import type { LocalSlot, Lsn } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';
import { type RememberedSlotRow, SlotMemory, type SlotRows } from './slot-memory.ts';
import { isNewToMemory, localSlot, slotColumns, slotsTable } from './slot-row.ts';
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

type ObserveStandbyRow = RememberedSlotRow & {
  readonly in_recovery: boolean;
  readonly replay_lsn: string | null;
  readonly receive_lsn: string | null;
};

/** Remembers the slots of a standby from one look to the next. */
export function standbyMemory(): SlotMemory<LocalSlot> {
  return new SlotMemory(localSlot);
}

/** Reads all slots and the WAL positions of a standby in one statement. With a `memory` of the last time it takes much less. */
export async function observeStandby(
  connection: PostgresConnection,
  signal?: AbortSignal,
  memory: SlotMemory<LocalSlot> = standbyMemory(),
): Promise<StandbyObservation> {
  memory.prepare();
  const text = `
    select s.ordinal, s.hash, ${slotColumns(connection.major)},
           (select pg_is_in_recovery()) as in_recovery,
           (select pg_last_wal_replay_lsn()) as replay_lsn,
           (select pg_last_wal_receive_lsn()) as receive_lsn
      from (select) as server
      left join ${slotsTable(connection.major)} as s on ${isNewToMemory}`;
  const rows = await connection.run<ObserveStandbyRow>(
    { name: 'slotcast_observe_standby', text, values: memory.parameters },
    { signal },
  );
  const [first] = rows;
  if (first === undefined || !first.in_recovery) {
    return { inRecovery: false };
  }
  const seen = memory.take(rows);
  return seen === undefined
    ? observeStandby(connection, signal, memory)
    : {
        inRecovery: true,
        replayLsn: requiredLsn(first.replay_lsn, 'pg_last_wal_replay_lsn()'),
        receiveLsn: optionalLsn(first.receive_lsn),
        ...seen,
      };
}

/** Up to where a standby has replayed WAL; `undefined` on a primary. The cheapest look at a standby: it reads no slots. */
export async function readReplayLsn(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<Lsn | undefined> {
  const text = 'select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() end as replay_lsn';
  const [row] = await connection.run<{ readonly replay_lsn: string | null }>(
    { name: 'slotcast_read_replay_lsn', text },
    { signal },
  );
  return optionalLsn(row?.replay_lsn ?? null);
}
