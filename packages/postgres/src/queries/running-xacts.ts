import { type Lsn, parseLsn } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';
import { emitMessage } from './logical-message.ts';

interface LsnRow {
  readonly lsn: string;
}

/**
 * Writes a record of the running transactions, which every decoder needs to find a starting point and to move
 * restart_lsn on. 16+, on a primary; EXECUTE must be granted. Returns where it was written; it is not flushed by this.
 */
export async function logStandbySnapshot(connection: PostgresConnection, signal?: AbortSignal): Promise<Lsn> {
  const text = 'select pg_log_standby_snapshot() as lsn';
  const [row] = await connection.run<LsnRow>({ text }, { signal });
  if (row === undefined) {
    throw new Error('pg_log_standby_snapshot() returned no row');
  }
  return parseLsn(row.lsn);
}

/** Flushes all WAL written so far, by committing an empty message (`emitMessage`), and returns the message's position. */
export function flushWal(connection: PostgresConnection, signal?: AbortSignal): Promise<Lsn> {
  return emitMessage(connection, { prefix: 'slotcast', content: '' }, { signal });
}
