import { MOST_PREPARED_LISTED, type OpenTransaction } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';

interface OpenTransactionRow {
  readonly xid: string;
  readonly pid: number | null;
  readonly gid: string | null;
  /** Milliseconds since 1970. */
  readonly since: number | null;
}

/** The transaction with the oldest id on a primary, prepared ones among them, that decoding which starts now has to wait for. */
export async function readOldestTransaction(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<OpenTransaction | undefined> {
  const text = `
    select xid::text, pid, gid, floor(extract(epoch from since) * 1000)::float8 as since
      from (select backend_xid as xid, pid, null as gid, xact_start as since
              from pg_stat_activity
             where backend_xid is not null
             union all
            select transaction, null, gid, prepared
              from pg_prepared_xacts) as open_transactions
     order by age(xid) desc
     limit 1`;
  const [row] = await connection.run<OpenTransactionRow>(
    { name: 'slotcast_oldest_transaction', text },
    { signal },
  );
  return row === undefined ? undefined : openTransaction(row);
}

/**
 * The prepared transactions of a primary, of all its databases, the one with the oldest id first, and no more than `MOST_PREPARED_LISTED`. A
 * PREPARE appears here right after its record is flushed, so this has to be read after the position that it is to be complete for.
 */
export async function readPreparedTransactions(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<readonly OpenTransaction[]> {
  const text = `
    select transaction::text as xid, null::int as pid, gid, floor(extract(epoch from prepared) * 1000)::float8 as since
      from pg_prepared_xacts
     order by age(transaction) desc
     limit $1`;
  const rows = await connection.run<OpenTransactionRow>(
    { name: 'slotcast_prepared_transactions', text, values: [MOST_PREPARED_LISTED] },
    { signal },
  );
  return rows.map(openTransaction);
}

function openTransaction(row: OpenTransactionRow): OpenTransaction {
  return {
    xid: Number(row.xid),
    pid: row.pid ?? undefined,
    gid: row.gid ?? undefined,
    since: row.since ?? undefined,
  };
}

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
