import type { DatabaseAttempt } from '@slotcast/domain';
import { connectPostgres } from './connection.ts';
import type { PostgresOptions } from './connection-options.ts';
import { classifyPostgresError, describePostgresError } from './postgres-error.ts';

export interface AttemptLimits {
  /** Sessions that are open at the same time. */
  readonly concurrency: number;
  /** After this nothing more is tried, and what is under way is given up. */
  readonly timeoutMs: number;
}

/** Opens a session in each database, as the consumer would, and closes it at once. Rejects with the signal's reason only. */
export async function tryDatabases(
  options: PostgresOptions,
  databases: readonly string[],
  { concurrency, timeoutMs }: AttemptLimits,
): Promise<readonly DatabaseAttempt[]> {
  const overdue = AbortSignal.timeout(timeoutMs);
  const { signal = overdue } = options;
  const waiting = [...databases];
  const attempts: DatabaseAttempt[] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      attempts.push(await tryDatabase({ ...options, signal: AbortSignal.any([signal, overdue]) }, next));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  options.signal?.throwIfAborted();
  return attempts.toSorted((a, b) => databases.indexOf(a.database) - databases.indexOf(b.database));
}

async function tryDatabase(options: PostgresOptions, database: string): Promise<DatabaseAttempt> {
  try {
    const connection = await connectPostgres({ ...options, database });
    await connection.close();
    return { database, outcome: 'connected' };
  } catch (error) {
    return options.signal?.aborted === true
      ? { database, outcome: 'not_tried' }
      : refusedAttempt(database, error);
  }
}

/** What an error says about a database that lets no session in. */
export function refusedAttempt(database: string, error: unknown): DatabaseAttempt {
  const { class: kind, code, remedy } = classifyPostgresError(error);
  const answer = { database, said: describePostgresError(error), remedy, sqlState: code };
  switch (kind) {
    case 'stale':
      return { ...answer, outcome: 'gone' };
    case 'retry':
    case 'cancelled':
      return { ...answer, outcome: 'unavailable' };
    case 'blocked':
    case 'fatal':
    case 'unexpected':
      return { ...answer, outcome: 'refused' };
  }
}
