import type { ServerLife, Timeline, TimelineHistory } from '@slotcast/domain';
import { errorText, type Logger } from '@slotcast/kernel';
import {
  connectPostgres,
  type PostgresConnection,
  type PostgresOptions,
  readServerIdentity,
  readTimelineHistory,
  readWalEnd,
} from '@slotcast/postgres';
import type { EndedRecovery } from './ended-recovery.ts';
import type { OwnPrimary } from './lookout-options.ts';

/** A primary whose line of descent is asked for. */
type Asked = Pick<ServerLife, 'serverStartedAt' | 'timeline'>;

/** Who can tell the line of descent of a primary. */
export interface HistorySources {
  readonly postgres: PostgresOptions;
  /** A walsender session that is open already. */
  readonly walsender?: PostgresConnection | undefined;
  /** What this process saw of the end of recovery. */
  readonly ended: EndedRecovery | undefined;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * The line of descent of a primary. The server tells it in a walsender session only, and right after a promotion, when
 * consumers and standbys have taken all of max_wal_senders, there may be none left: then what this process saw itself will do, unless the server was started
 * since.
 */
export async function readOwnHistory(server: Asked, sources: HistorySources): Promise<TimelineHistory> {
  const { timeline } = server;
  if (timeline === 1) {
    return { timeline, ancestors: [] };
  }
  try {
    return await askHistory(timeline, sources);
  } catch (error) {
    sources.signal.throwIfAborted();
    const { ended } = sources;
    const seen = ended?.serverStartedAt === server.serverStartedAt ? ended.history : undefined;
    if (seen?.timeline !== timeline) {
      throw error;
    }
    sources.logger.warn(
      { timeline, error: errorText(error) },
      'the server did not tell its timeline history: going on with what was seen of its promotion',
    );
    return seen;
  }
}

/** Which line of WAL the primary of this node writes now. */
export async function readOwnPrimary(sources: HistorySources): Promise<OwnPrimary> {
  const { postgres, signal } = sources;
  const connection = await connectPostgres({ ...postgres, signal });
  try {
    const { systemIdentifier } = await readServerIdentity(connection, signal);
    const life = await readWalEnd(connection, signal);
    return { systemIdentifier, history: await readOwnHistory(life, sources) };
  } finally {
    await connection.close();
  }
}

async function askHistory(timeline: Timeline, sources: HistorySources): Promise<TimelineHistory> {
  const { postgres, walsender, signal } = sources;
  if (walsender !== undefined && !walsender.broken) {
    return await readTimelineHistory(walsender, timeline, signal);
  }
  const own = await connectPostgres({ ...postgres, replication: true, signal });
  try {
    return await readTimelineHistory(own, timeline, signal);
  } finally {
    await own.close();
  }
}
