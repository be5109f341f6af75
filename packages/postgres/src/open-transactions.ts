import type { PostgresConnection } from './connection.ts';

/**
 * True when none of these transactions was committed, nor ever can be: they ended with the server that they ran on. A prepared one can be
 * committed at any moment, and is in progress until its COMMIT PREPARED is done: the record may be in WAL already, and for as long as it waits
 * for a synchronous standby. Ids as `xid8` text.
 */
export async function haveAborted(
  connection: PostgresConnection,
  xids: readonly string[],
  signal?: AbortSignal,
): Promise<boolean> {
  const text = `
    select coalesce(bool_and(coalesce(pg_xact_status(xid::xid8) = 'aborted', false)), true) as aborted
      from unnest($1::text[]) as xid`;
  const [row] = await connection.run<{ readonly aborted: boolean }>({ text, values: [xids] }, { signal });
  return row?.aborted === true;
}
