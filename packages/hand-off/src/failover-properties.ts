import { byDatabase, type HandOffPlan, type SlotDatabase, type SlotName } from '@slotcast/domain';
import { errorText, type Logger } from '@slotcast/kernel';
import {
  type DatabaseSessions,
  isPostgresError,
  type PostgresConnection,
  readFreeWalsenders,
  StatementTimeoutError,
  setFailoverProperty,
} from '@slotcast/postgres';
import type { Patience } from './patience.ts';

type Failovers = HandOffPlan['failovers'];

/** Sessions beside the one of each database: the server saves each slot to disk and waits for that, many at a time for hardly more than one. */
const HELPERS = 6;
/** So many slots are worth a session. */
const WORTH_A_SESSION = 10;
/** Of max_wal_senders, for standbys that come to follow the new primary. */
const LEFT_FREE = 2;

/** Once the patience is over, so many slots that had to be waited for end the work of a session: each costs a moment still, and the record waits. */
const MOST_IN_USE = 3;

const NO_TIME = 'there was no time left to wait for whoever uses a slot, or holds up sessions';

/** Does a step, and reports it when it fails. */
export type Attempt = (slot: SlotName, step: string, work: () => Promise<void>) => Promise<unknown>;

interface Parts {
  readonly sessions: DatabaseSessions;
  readonly patience: Patience;
  readonly attempt: Attempt;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Sets `failover` of slots, all databases at a time. It waits for whoever uses a slot, so those in use should come last: once the patience is over, some slots
 * that have to be waited for end the work, and so does a session that cannot be opened. One after the other on each session: of several in one write all would wait for one that is in use.
 */
export async function setFailoverProperties(failovers: Failovers, parts: Parts): Promise<void> {
  if (failovers.length === 0) {
    return;
  }
  const queues = byDatabase(failovers).map(([database, slots]) => ({
    database,
    queue: slots.map(({ slot }) => slot),
  }));
  const own = queues.map(({ database, queue }) => onPooled(database, queue, parts));
  const helping = await countHelpers(parts);
  const helpers = shareHelpers(queues, helping).map(({ database, queue }) => help(database, queue, parts));
  await Promise.all([...own, ...helpers]);
}

async function countHelpers({ sessions, logger, signal }: Parts): Promise<number> {
  try {
    const free = await readFreeWalsenders(await sessions.main(), signal);
    return Math.min(HELPERS, free - LEFT_FREE);
  } catch (error) {
    signal.throwIfAborted();
    logger.info({ error: errorText(error) }, 'setting failover of slots on one session per database');
    return 0;
  }
}

interface Queue {
  readonly database: SlotDatabase;
  readonly queue: SlotName[];
}

/** The longest queue per session gets the next helper, as long as that is worth it. */
function shareHelpers(queues: readonly Queue[], count: number): readonly Queue[] {
  const shares = queues.map((queue) => ({ queue, length: queue.queue.length, sessions: 1 }));
  const helped: Queue[] = [];
  while (helped.length < count) {
    const [next] = shares.toSorted((a, b) => b.length / b.sessions - a.length / a.sessions);
    if (next === undefined || next.length <= next.sessions * WORTH_A_SESSION) {
      break;
    }
    next.sessions += 1;
    helped.push(next.queue);
  }
  return helped;
}

/** On the walsender session that the database has already, or on one of its own when there is none to be had. */
async function onPooled(database: SlotDatabase, queue: SlotName[], parts: Parts): Promise<void> {
  try {
    await parts.sessions.useWalsender(database, (session) => work(database, queue, parts, session));
  } catch (error) {
    parts.signal.throwIfAborted();
    if (!isPostgresError(error)) {
      throw error;
    }
    await work(database, queue, parts);
  }
}

/** On one more session, if the server has one left. */
async function help(database: SlotDatabase, queue: SlotName[], parts: Parts): Promise<void> {
  const { sessions, signal } = parts;
  let session: PostgresConnection;
  try {
    session = await sessions.openReplication(database);
  } catch {
    signal.throwIfAborted();
    return;
  }
  try {
    await work(database, queue, parts, session);
  } finally {
    await session.close();
  }
}

/** Takes slots from the queue until it is empty. Whoever lent the session closes it; one that is opened in its place is closed here. */
async function work(
  database: SlotDatabase,
  queue: SlotName[],
  { sessions, patience, attempt }: Parts,
  lent?: PostgresConnection,
): Promise<void> {
  let session = lent;
  let inUse = 0;
  let isShut = false;
  const opened = async (): Promise<PostgresConnection> => {
    if (session === undefined || session.broken) {
      isShut = true;
      session = await patience.spend(() => sessions.openReplication(database));
      isShut = false;
    }
    return session;
  };
  try {
    for (let slot = queue.shift(); slot !== undefined; slot = queue.shift()) {
      const name = slot;
      await attempt(name, 'set failover', async () => {
        try {
          const replication = await opened();
          await patience.spend((limits) => setFailoverProperty(replication, name, limits));
        } catch (error) {
          inUse += patience.isOver && error instanceof StatementTimeoutError ? 1 : 0;
          throw error;
        }
      });
      const isOver = patience.isOver && (isShut || inUse >= MOST_IN_USE);
      for (const left of isOver ? queue.splice(0) : []) {
        await attempt(left, 'set failover', () => Promise.reject(new Error(NO_TIME)));
      }
    }
  } finally {
    if (session !== lent) {
      await session?.close();
    }
  }
}
