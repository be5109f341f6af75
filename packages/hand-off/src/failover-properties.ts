import { byDatabase, type HandOffPlan, type SlotDatabase, type SlotName } from '@slotcast/domain';
import {
  type DatabaseSessions,
  type PostgresConnection,
  StatementTimeoutError,
  setFailoverProperty,
} from '@slotcast/postgres';
import type { Patience } from './patience.ts';

type Failovers = HandOffPlan['failovers'];

/** Sessions at a time: the server saves each slot to disk, and waits for that. */
const SESSIONS = 4;
/** So many slots are worth a session. */
const WORTH_A_SESSION = 10;

const NO_TIME = 'there was no time left to wait for whoever uses a slot';

/** Does a step, and reports it when it fails. */
export type Attempt = (slot: SlotName, step: string, work: () => Promise<void>) => Promise<unknown>;

/**
 * Sets `failover` of slots, database by database. It waits for whoever uses a slot, so those in use should come last: once the patience is over, the first slot
 * that has to be waited for is the last one.
 */
export async function setFailoverProperties(
  failovers: Failovers,
  parts: {
    readonly sessions: DatabaseSessions;
    readonly patience: Patience;
    readonly attempt: Attempt;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  for (const [database, slots] of byDatabase(failovers)) {
    const queue = slots.map(({ slot }) => slot);
    const others = Math.min(SESSIONS, Math.ceil(slots.length / WORTH_A_SESSION)) - 1;
    await Promise.all([
      work(queue, { ...parts, database }),
      ...Array.from({ length: others }, () => help(queue, { ...parts, database })),
    ]);
  }
}

type Parts = Parameters<typeof setFailoverProperties>[1] & { readonly database: SlotDatabase };

/** On one more session, if the server has one left. */
async function help(queue: SlotName[], parts: Parts): Promise<void> {
  const { sessions, database, signal } = parts;
  let session: PostgresConnection;
  try {
    session = await sessions.openReplication(database);
  } catch {
    signal.throwIfAborted();
    return;
  }
  await work(queue, parts, session);
}

async function work(queue: SlotName[], parts: Parts, opened?: PostgresConnection): Promise<void> {
  const { sessions, database, patience, attempt } = parts;
  let session = opened;
  try {
    for (let slot = queue.shift(); slot !== undefined; slot = queue.shift()) {
      const name = slot;
      let isOver = false;
      await attempt(name, 'set failover', async () => {
        if (session === undefined || session.broken) {
          session = await sessions.openReplication(database);
        }
        const replication = session;
        try {
          await patience.spend((limits) => setFailoverProperty(replication, name, limits));
        } catch (error) {
          isOver = patience.isOver && error instanceof StatementTimeoutError;
          throw error;
        }
      });
      for (const left of isOver ? queue.splice(0) : []) {
        await attempt(left, 'set failover', () => Promise.reject(new Error(NO_TIME)));
      }
    }
  } finally {
    await session?.close();
  }
}
