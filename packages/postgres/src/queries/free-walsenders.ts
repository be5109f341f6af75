import type { PostgresConnection } from '../connection/connection.ts';

/** How many of max_wal_senders nobody has at the moment. */
export async function readFreeWalsenders(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<number> {
  const text = `
    select current_setting('max_wal_senders')::int
           - (select count(*)::int from pg_stat_get_wal_senders()) as free`;
  const [row] = await connection.run<{ readonly free: number }>({ text }, { signal });
  return Math.max(0, row?.free ?? 0);
}
