import type { LocalSlot } from '@slotcast/domain';
import { type Clock, errorText, type Logger } from '@slotcast/kernel';
import {
  connectPostgres,
  DatabaseSessions,
  type PostgresOptions,
  readLeadingSlots,
} from '@slotcast/postgres';

const AGAIN_MS = 60_000;

/** Drops leading slots that nothing is to be made from any more, and returns how many could not be. They would hold back WAL and vacuum for ever. */
export async function dropLeaders(
  leaders: readonly LocalSlot[],
  { sessions, logger, signal }: { sessions: DatabaseSessions; logger: Logger; signal: AbortSignal },
): Promise<number> {
  let left = 0;
  for (const leader of leaders) {
    const { name } = leader;
    try {
      await sessions.drop(name, leader);
      logger.info({ slot: name }, 'dropped a leading slot');
    } catch (error) {
      signal.throwIfAborted();
      left += 1;
      logger.warn({ slot: name, error: errorText(error) }, 'a leading slot could not be dropped yet');
    }
  }
  return left;
}

/** On a primary whose hand-off is over: drops the leading slots that it left behind, tries again while some are left, and never rejects. */
export async function sweepLeaders(options: {
  readonly postgres: PostgresOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { clock, logger, signal } = options;
  while (!signal.aborted) {
    try {
      if ((await sweep(options)) === 0) {
        return;
      }
    } catch (error) {
      if (!signal.aborted) {
        logger.warn({ error: errorText(error) }, 'leading slots could not be looked for yet');
      }
    }
    await clock.sleep(AGAIN_MS, signal).catch(() => undefined);
  }
}

async function sweep(options: Parameters<typeof sweepLeaders>[0]): Promise<number> {
  const { postgres, logger, signal } = options;
  const connection = await connectPostgres({ ...postgres, signal });
  const sessions = new DatabaseSessions(postgres, () => undefined, signal);
  try {
    return await dropLeaders(await readLeadingSlots(connection, signal), { sessions, logger, signal });
  } finally {
    await Promise.allSettled([connection.close(), sessions.close()]);
  }
}
