import { connectPostgres, type PostgresConnection, type PostgresOptions } from '@slotcast/postgres';
import type { PostgresServer } from '@slotcast/testkit';

/** Name of the least-privileged role, made by `createRole` of the test kit. */
export const ROLE = 'slotcast';

/** Options to connect to a test server as the least-privileged role. */
export function optionsFor(server: PostgresServer, more: Partial<PostgresOptions> = {}): PostgresOptions {
  return { url: server.url('postgres', ROLE), applicationName: 'slotcast-test', ...more };
}

/** Connects as the least-privileged role, hands the connection to `work`, and closes it. */
export async function withConnection<T>(
  options: PostgresOptions,
  work: (connection: PostgresConnection) => Promise<T>,
): Promise<T> {
  const connection = await connectPostgres(options);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}
