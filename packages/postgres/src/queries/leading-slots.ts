import { isLeadingSlot, type LocalSlot } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';
import { localSlot, type SlotRow, slotColumns } from './slot-row.ts';

/** The leading slots of a server that is no standby, where nothing is made from them any more; none on a standby. */
export async function readLeadingSlots(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<readonly LocalSlot[]> {
  const text = `
    select ${slotColumns(connection.major)}
      from pg_replication_slots as s
     where s.slot_type = 'logical' and not s.temporary and not pg_is_in_recovery()`;
  const rows = await connection.run<SlotRow>({ text }, { signal });
  return rows.filter((row) => isLeadingSlot(row.slot_name)).map(localSlot);
}
