import { DatabaseError } from 'pg';
import type { PostgresConnection } from '../connection/connection.ts';
import { nameUnlessPromoted, PromotedServerError } from './promoted-server.ts';

/** What of the server loads an output plugin. It fails when the library is missing, cannot be linked, is of another major, or is no plugin. */
const LOADING = /^(internal_load_library|load_external_function|incompatible_module_error|LoadOutputPlugin)$/;

/**
 * Has the server load the output plugin of a slot, and returns what it said when it cannot. An advance does not load it, as it decodes nothing for
 * anybody; the making of a slot does, and that of a temporary copy waits for nothing. The copy ends with the session, which has to be one of the
 * slot's own database, and a new one: in others the library may be loaded since before. Rejects with any other
 * error, and with a PromotedServerError, making nothing, on a server that is not in recovery.
 */
export async function findLoadFailure(
  connection: PostgresConnection,
  slots: { readonly source: string; readonly copy: string; readonly plugin: string },
  signal?: AbortSignal,
): Promise<string | undefined> {
  const text = `
    select made.lsn
      from pg_copy_logical_replication_slot($1, ${nameUnlessPromoted('$2')}, temporary => true, plugin => $3) as made`;
  const values = [slots.source, slots.copy, slots.plugin];
  try {
    const [row] = await connection.run<{ lsn: string | null }>({ text, values }, { signal });
    if (typeof row?.lsn !== 'string') {
      throw new PromotedServerError([slots.copy]);
    }
    return undefined;
  } catch (error) {
    if (error instanceof DatabaseError && LOADING.test(error.routine ?? '')) {
      return error.message;
    }
    throw error;
  }
}
