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

/** Name of the database that the session is connected to. */
export async function currentDatabase(connection: PostgresConnection, signal?: AbortSignal): Promise<string> {
  const [row] = await connection.run<DatabaseRow>({ text: 'select current_database() as name' }, { signal });
  if (row === undefined) {
    throw new Error('current_database() returned no row');
  }
  return row.name;
}
