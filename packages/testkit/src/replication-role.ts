import type { PostgresServer } from './postgres-server.ts';

/** The parts of the role that a test can leave out, to see what the product says when one is missing. */
const ROLE_GRANTS = ['replication', 'pg_monitor', 'pg_log_standby_snapshot', 'log_min_messages'] as const;

export type RoleGrant = (typeof ROLE_GRANTS)[number];

function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * Creates the least-privileged role that the product asks for: LOGIN and REPLICATION, pg_monitor, EXECUTE on
 * `pg_log_standby_snapshot()` in every database (16 and up; databases made later inherit it from template1), and the right
 * to set `log_min_messages` (15 and up).
 */
export async function createReplicationRole(
  server: PostgresServer,
  name: string,
  without: readonly RoleGrant[],
): Promise<void> {
  const role = quoteIdentifier(name);
  const includes = (grant: RoleGrant): boolean => !without.includes(grant);
  await server.query(`create role ${role} login ${includes('replication') ? 'replication' : ''}`);
  if (includes('pg_monitor')) {
    await server.query(`grant pg_monitor to ${role}`);
  }
  if (includes('log_min_messages') && server.major >= 15) {
    await server.query(`grant set on parameter log_min_messages to ${role}`);
  }
  if (includes('pg_log_standby_snapshot') && server.major >= 16) {
    const databases = await server.query<{ datname: string }>(
      'select datname from pg_database where datallowconn',
    );
    for (const { datname } of databases) {
      await server.query(`grant execute on function pg_log_standby_snapshot() to ${role}`, [], datname);
    }
  }
}
