import { type Lsn, parseLsn, supports } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';
import { emitMessage } from './logical-message.ts';
import { fillWal } from './wal-push.ts';

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

/** Flushes all WAL written so far, and returns where a message was written for that. From 17 on that takes no transaction, so that a fence which is raised later can still be clean; before, it commits an empty message (`emitMessage`). */
export async function flushWal(connection: PostgresConnection, signal?: AbortSignal): Promise<Lsn> {
  if (supports(connection.major, 'messageFlush')) {
    return await fillWal(connection, 0, signal);
  }
  return await emitMessage(connection, { prefix: 'slotcast', content: '' }, { signal });
}
