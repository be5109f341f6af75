import { type Lsn, lsn } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';

interface OldestWalRow {
  /** The two numbers of the segment, 8 hexadecimal digits each, without the timeline before them; null when there is no file. */
  readonly segment: string | null;
  readonly segment_bytes: string;
}

/**
 * Where the oldest WAL file in pg_wal begins, of whatever timeline: what lies before it can be decoded from no slot. Needs pg_monitor. Reads
 * the whole folder, so it is for once in a while.
 */
export async function readOldestWal(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<Lsn | undefined> {
  const text = `
    select min(substr(f.name, 9) collate "C") as segment,
           pg_size_bytes(current_setting('wal_segment_size'))::text as segment_bytes
      from pg_ls_waldir() as f
     where f.name ~ '^[0-9A-F]{24}$'`;
  const [row] = await connection.run<OldestWalRow>({ name: 'slotcast_oldest_wal', text }, { signal });
  if (row === undefined || row.segment === null) {
    return undefined;
  }
  const high = BigInt(`0x${row.segment.slice(0, 8)}`);
  const low = BigInt(`0x${row.segment.slice(8)}`);
  const start = (high << 32n) + low * BigInt(row.segment_bytes);
  return start === 0n ? undefined : lsn(start);
}
