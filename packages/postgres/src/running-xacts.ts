import { type Lsn, parseLsn } from '@slotcast/domain';
import type { PostgresConnection } from './connection.ts';

interface LsnRow {
  readonly lsn: string;
}

/**
 * Writes a record of the running transactions, which every decoder needs to find a starting point and to move
 * restart_lsn on. 16+, on a primary; EXECUTE must be granted. Returns where it was written; it is not flushed by this.
 */
export async function logStandbySnapshot(connection: PostgresConnection, signal?: AbortSignal): Promise<Lsn> {
  const text = 'select pg_log_standby_snapshot() as lsn';
  return theLsn(text, await connection.run<LsnRow>({ text }, { signal }));
}

/**
 * Flushes all WAL written so far, by committing an empty message, and returns the message's position. The commit
 * is told to wait for this server's disk only: `synchronous_commit = off` would not flush, and with
 * synchronous standbys that are away it would never return.
 */
export async function flushWal(connection: PostgresConnection, signal?: AbortSignal): Promise<Lsn> {
  const text = `
    select pg_logical_emit_message(true, 'slotcast', '') as lsn,
           set_config('synchronous_commit', 'local', true)`;
  return theLsn(text, await connection.run<LsnRow>({ text }, { signal }));
}

function theLsn(text: string, rows: readonly LsnRow[]): Lsn {
  const [row] = rows;
  if (row === undefined) {
    throw new Error(`${text} returned no row`);
  }
  return parseLsn(row.lsn);
}
