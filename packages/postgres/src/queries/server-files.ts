import type { Lsn } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';

/** The function by which files of the data folder are read; EXECUTE on it must be granted. */
export const READ_FILE_FUNCTION = 'pg_read_binary_file(text, bigint, bigint, boolean)';

/** Whether this role may read files of the server's data folder. */
export async function mayReadServerFiles(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<boolean> {
  const text = `select has_function_privilege('${READ_FILE_FUNCTION}', 'EXECUTE') as may`;
  const [row] = await connection.run<{ may: boolean }>({ text }, { signal });
  return row?.may === true;
}

/**
 * Reads in one statement the files in which the server keeps the state of decoding at these positions. One that is not there, or is longer than `maxBytes`, is left
 * out. A file of a position never changes: the server writes it under another name, and renames it. Rejects with 42501 where the role may not.
 */
export async function readDecodingSnapshots(
  connection: PostgresConnection,
  positions: readonly Lsn[],
  limits: { readonly maxBytes: number; readonly signal?: AbortSignal },
): Promise<ReadonlyMap<Lsn, Uint8Array>> {
  const text = `
    select n::int4 as index, content
      from unnest($1::text[]) with ordinality as f (name, n),
           pg_read_binary_file('pg_logical/snapshots/' || f.name, 0, $2::bigint, true) as content
     where length(content) < $2`;
  const values = [positions.map(snapshotFileName), limits.maxBytes + 1];
  const rows = await connection.run<{ index: number; content: Buffer }>(
    { name: 'slotcast_read_snapshots', text, values },
    { signal: limits.signal },
  );
  return new Map(
    rows.flatMap(({ index, content }): [Lsn, Uint8Array][] => {
      const position = positions[index - 1];
      return position === undefined ? [] : [[position, content]];
    }),
  );
}

/** As the server names it: two hexadecimal halves without leading zeros. */
function snapshotFileName(position: Lsn): string {
  const [high, low] = [position >> 32n, position & 0xffff_ffffn];
  return `${high.toString(16).toUpperCase()}-${low.toString(16).toUpperCase()}.snap`;
}
