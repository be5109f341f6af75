import { connectPostgres, type PostgresConnection, silenceLog } from '@slotcast/postgres';
import type { PostgresServer } from '@slotcast/testkit';

/** Superusers of the benchmark, by which the processor time of its own sessions is told from everybody else's. */
const BENCH_ROLES = ['bench', 'bench_load', 'bench_decoding'] as const;
export type BenchRole = (typeof BENCH_ROLES)[number];

export async function createBenchRoles(primary: PostgresServer): Promise<void> {
  for (const role of BENCH_ROLES) {
    await primary.query(`create role ${role} superuser login replication`);
  }
}

/** A session of the benchmark that leaves nothing in the server's log. */
export async function openSession(
  server: PostgresServer,
  options: { readonly role?: BenchRole; readonly database?: string; readonly replication?: boolean } = {},
): Promise<PostgresConnection> {
  const { role = 'bench', database = 'postgres', replication = false } = options;
  const session = await connectPostgres({
    url: server.url(database, role),
    applicationName: role,
    replication,
  });
  try {
    await silenceLog(session);
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}
