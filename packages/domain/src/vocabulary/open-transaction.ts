/** A transaction that is open on a primary, and has an id. */
export interface OpenTransaction {
  readonly xid: number;
  /** Process id of its session; absent when it is prepared. */
  readonly pid?: number | undefined;
  /** Global identifier of a prepared one. */
  readonly gid?: string | undefined;
  /** When it began, or was prepared, in milliseconds since 1970; absent where the role may not see it (`pg_monitor`). */
  readonly since?: number | undefined;
}

/** A list of prepared transactions is cut off here; one that long may lack some. */
export const MOST_PREPARED_LISTED = 100;

/** The transaction with what is needed to find it and to end it. */
export function describeOpenTransaction({ xid, pid, gid, since }: OpenTransaction): string {
  const time = since === undefined ? undefined : new Date(since).toISOString();
  if (gid !== undefined) {
    return `${xid}, prepared ${time === undefined ? '' : `at ${time} `}as '${gid}'`;
  }
  return `${xid}, open ${time === undefined ? '' : `since ${time} `}in process ${pid ?? 'unknown'}`;
}

/** What the making of a slot on a standby waits for, as long as the server looks for a point where decoding may start. */
export function waitsForTransactions(oldest: OpenTransaction | undefined): string {
  const named = oldest === undefined ? '' : `, the oldest is ${describeOpenTransaction(oldest)}`;
  return `waits for a point where decoding may start: every transaction open on the primary now must end first${named}`;
}
