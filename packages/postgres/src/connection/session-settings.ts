import { DatabaseError } from 'pg';
import type { PostgresConnection } from './connection.ts';

/**
 * Keeps what this session does out of the server's log, for which a move alone writes five lines, and an advance six. False when the role may not:
 * that takes a superuser or, on 15+, `GRANT SET ON PARAMETER log_min_messages`. An error ends the session's temporary slots, so
 * do it first.
 */
export async function silenceLog(connection: PostgresConnection, signal?: AbortSignal): Promise<boolean> {
  try {
    await connection.run({ text: 'set log_min_messages = fatal' }, { signal });
    return true;
  } catch (error) {
    if (error instanceof DatabaseError && error.code === '42501') {
      return false;
    }
    throw error;
  }
}

interface LibrariesRow {
  readonly libraries: string | null;
}

/** Names in `output_plugin_libraries`; `undefined` where the server has no such setting and allows every library. */
export async function outputPluginLibraries(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<readonly string[] | undefined> {
  const text = `select current_setting('output_plugin_libraries', true) as libraries`;
  const [row] = await connection.run<LibrariesRow>({ text }, { signal });
  return row?.libraries
    ?.split(',')
    .map((name) => name.trim().replace(/^"(.*)"$/, '$1'))
    .filter((name) => name !== '');
}
