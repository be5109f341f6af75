import type { PostgresConnection } from '../connection/connection.ts';

/** True on a standby. The cheapest look at a server: it reads no slots. */
export async function isInRecovery(connection: PostgresConnection, signal?: AbortSignal): Promise<boolean> {
  const text = 'select pg_is_in_recovery() as in_recovery';
  const [row] = await connection.run<{ readonly in_recovery: boolean }>(
    { name: 'slotcast_is_in_recovery', text },
    { signal },
  );
  if (row === undefined) {
    throw new Error('asking whether the server is in recovery returned no row');
  }
  return row.in_recovery;
}
