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
