import type { SlotDatabase } from '@slotcast/domain';
import type { PostgresConnection } from './connection.ts';

interface DatabaseRow {
  readonly name: string;
}

/** Names of all databases that accept connections, in alphabetical order. */
export async function listDatabases(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const text = 'select datname as name from pg_database where datallowconn order by datname';
  return (await connection.run<DatabaseRow>({ text }, { signal })).map((row) => row.name);
}

/** True when there is a database of this name that accepts connections. */
export async function databaseExists(
  connection: PostgresConnection,
  name: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const text = 'select datname as name from pg_database where datname = $1 and datallowconn';
  return (await connection.run<DatabaseRow>({ text, values: [name] }, { signal })).length > 0;
}

/** The present name of a database; `undefined` when this server has it no more. */
export async function readDatabaseName(
  connection: PostgresConnection,
  oid: number,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const text = 'select datname as name from pg_database where oid = $1';
  const [row] = await connection.run<DatabaseRow>({ text, values: [oid] }, { signal });
  return row?.name;
}

interface OidRow {
  readonly oid: number;
}

/** The oid of the database that has this name now; `undefined` when there is none. */
export async function readDatabaseOid(
  connection: PostgresConnection,
  name: string,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const text = 'select oid from pg_database where datname = $1';
  const [row] = await connection.run<OidRow>({ text, values: [name] }, { signal });
  return row?.oid;
}

interface CurrentDatabaseRow extends DatabaseRow, OidRow {}

/**
 * The database that the session is connected to. Its oid is the session's own: to look up `current_database()` could find another
 * database, when two swap their names in this moment.
 */
export async function currentDatabase(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<SlotDatabase & { readonly oid: number }> {
  const text =
    'select datid as oid, current_database() as name from pg_stat_get_activity(pg_backend_pid()) as session';
  const [row] = await connection.run<CurrentDatabaseRow>({ text }, { signal });
  if (row === undefined) {
    throw new Error('pg_stat_get_activity() does not show the own session');
  }
  return { oid: row.oid, name: row.name };
}
