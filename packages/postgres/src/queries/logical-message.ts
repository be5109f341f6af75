import { type Lsn, parseLsn } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';
import type { StatementLimits } from '../connection/statement-interruption.ts';

interface LsnRow {
  readonly lsn: string;
}

/** A message for logical decoding: `prefix` tells its readers whose it is. */
export interface LogicalMessage {
  readonly prefix: string;
  readonly content: string;
}

/**
 * Writes a message in a transaction of its own, and so flushes all WAL written so far; returns the message's position. The commit
 * is told to wait for this server's disk only: `synchronous_commit = off` would not flush, and with
 * synchronous standbys that are away it would never return.
 */
export async function emitMessage(
  connection: PostgresConnection,
  message: LogicalMessage,
  limits?: StatementLimits,
): Promise<Lsn> {
  const text = `
    select pg_logical_emit_message(true, $1, $2::text) as lsn,
           set_config('synchronous_commit', 'local', true)`;
  const values = [message.prefix, message.content];
  const [row] = await connection.run<LsnRow>({ name: 'slotcast_emit_message', text, values }, limits);
  if (row === undefined) {
    throw new Error('pg_logical_emit_message returned no row');
  }
  return parseLsn(row.lsn);
}
