import type { PostgresConnection } from '../connection/connection.ts';
import type { StatementLimits } from '../connection/statement-interruption.ts';

/** Sessions that hold the advisory lock of a name; those of all databases, in each of which the lock is another one. */
const HOLDERS = `
      from pg_locks as l
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1
       and (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended($1, 0)`;

/**
 * Takes the advisory lock of a name for this session if no other one of the same database holds it. It lasts until it is released, or the session ends, and is
 * there in recovery, too, and across a promotion.
 */
export async function tryNodeLock(
  connection: PostgresConnection,
  name: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const text = 'select pg_try_advisory_lock(hashtextextended($1, 0)) as taken';
  const [row] = await connection.run<{ readonly taken: boolean }>({ text, values: [name] }, { signal });
  return row?.taken === true;
}

/** Gives the lock back. */
export async function releaseNodeLock(
  connection: PostgresConnection,
  name: string,
  limits: StatementLimits,
): Promise<void> {
  const text = 'select pg_advisory_unlock(hashtextextended($1, 0))';
  await connection.run({ text, values: [name] }, limits);
}

/** Whether this session holds the lock, and whether another one does. */
export interface NodeLockHolders {
  readonly own: boolean;
  readonly others: boolean;
}

/** Reads who holds the lock of a name, which any role may. */
export async function readNodeLockHolders(
  connection: PostgresConnection,
  name: string,
  limits: StatementLimits = {},
): Promise<NodeLockHolders> {
  const text = `select l.pid = pg_backend_pid() as own ${HOLDERS}`;
  const rows = await connection.run<{ readonly own: boolean }>({ text, values: [name] }, limits);
  return { own: rows.some(({ own }) => own), others: rows.some(({ own }) => !own) };
}

/** How long it is waited for a session to end: one that does nothing does so at once. */
const END_MS = 1000;

/** Ends the other sessions of the same role that hold the lock of a name; those of other roles stay. */
export async function endNodeLockHolders(
  connection: PostgresConnection,
  name: string,
  signal?: AbortSignal,
): Promise<void> {
  const text = `
    select pg_terminate_backend(a.pid, ${END_MS})
      from pg_stat_activity as a
     where a.usename = current_user and a.pid <> pg_backend_pid() and a.pid in (select l.pid ${HOLDERS})`;
  await connection.run({ text, values: [name] }, { signal });
}
