import { type Lsn, parseLsn, parseSlotName, type SlotName } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';

/** The function by which files of the data folder are read; EXECUTE on it must be granted. */
export const READ_FILE_FUNCTION = 'pg_read_binary_file(text, bigint, bigint, boolean)';

/** Of every major the file has less, by far. */
const MAX_SLOT_FILE = 4096;

/** Whether this role may read files of the server's data folder. */
export async function mayReadServerFiles(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<boolean> {
  const text = `select has_function_privilege('${READ_FILE_FUNCTION}', 'EXECUTE') as may`;
  const [row] = await connection.run<{ may: boolean }>({ text }, { signal });
  return row?.may === true;
}

/** What was found of a file: its content, or that there is none, or that it is longer than was asked for. */
export type ServerFile = Uint8Array | 'missing' | 'too_long';

/**
 * Reads in one statement the files in which the server keeps the state of decoding at these positions. A file of a position never changes: the server writes it under another
 * name, and renames it. Rejects with 42501 where the role may not.
 */
export async function readDecodingSnapshots(
  connection: PostgresConnection,
  positions: readonly Lsn[],
  limits: { readonly maxBytes: number; readonly signal?: AbortSignal },
): Promise<ReadonlyMap<Lsn, ServerFile>> {
  const text = `
    select n::int4 as index, content
      from unnest($1::text[]) with ordinality as f (name, n),
           pg_read_binary_file('pg_logical/snapshots/' || f.name, 0, $2::bigint, true) as content`;
  const values = [positions.map(snapshotFileName), limits.maxBytes + 1];
  const rows = await connection.run<{ index: number; content: Buffer | null }>(
    { name: 'slotcast_read_snapshots', text, values },
    { signal: limits.signal },
  );
  return new Map(
    rows.flatMap(({ index, content }): [Lsn, ServerFile][] => {
      const position = positions[index - 1];
      return position === undefined ? [] : [[position, fileOf(content, limits.maxBytes)]];
    }),
  );
}

/** Reads the file in which the server keeps a slot. It may be older than what `pg_replication_slots` shows. Rejects with 42501 where the role may not. */
export async function readSlotFile(
  connection: PostgresConnection,
  slot: SlotName,
  signal?: AbortSignal,
): Promise<ServerFile> {
  const text = `select pg_read_binary_file('pg_replslot/' || $1 || '/state', 0, ${MAX_SLOT_FILE + 1}, true) as content`;
  const [row] = await connection.run<{ content: Buffer | null }>({ text, values: [slot] }, { signal });
  return fileOf(row?.content ?? null, MAX_SLOT_FILE);
}

/** The `restart_lsn` of these slots now; one that is gone, or has none, is left out. */
export async function readRestartLsns(
  connection: PostgresConnection,
  slots: readonly SlotName[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<SlotName, Lsn>> {
  const text = `
    select slot_name, restart_lsn
      from pg_replication_slots where slot_name = any($1::name[]) and restart_lsn is not null`;
  const rows = await connection.run<{ slot_name: string; restart_lsn: string }>(
    { text, values: [slots] },
    { signal },
  );
  return new Map(rows.map((row) => [parseSlotName(row.slot_name), parseLsn(row.restart_lsn)]));
}

function fileOf(content: Buffer | null, maxBytes: number): ServerFile {
  if (content === null) {
    return 'missing';
  }
  return content.length > maxBytes ? 'too_long' : content;
}

/** As the server names it: two hexadecimal halves without leading zeros. */
function snapshotFileName(position: Lsn): string {
  const [high, low] = [position >> 32n, position & 0xffff_ffffn];
  return `${high.toString(16).toUpperCase()}-${low.toString(16).toUpperCase()}.snap`;
}
