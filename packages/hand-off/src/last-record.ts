import {
  formatLsn,
  type Lsn,
  lastRecordFrom,
  type ReceiverWatch,
  shutdownCheckpoint,
} from '@slotcast/domain';
import { errorText, type Logger } from '@slotcast/kernel';
import { connectPostgres, type PostgresOptions, readWal, silenceLog } from '@slotcast/postgres';

/** The server has it in memory still. */
const READ_MS = 2000;

/** A server that was promoted. */
interface PromotedServer {
  readonly postgres: PostgresOptions;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Where the shutdown checkpoint begins that was the last record before a server left the timeline that it had received, read from its WAL over a walsender session of its own. `undefined` when it was
 * another record, and when it cannot be read or would prove nothing. Never rejects.
 */
export async function readShutdown(
  { postgres, logger, signal }: PromotedServer,
  { switchLsn: to, receiver }: { readonly switchLsn: Lsn; readonly receiver: ReceiverWatch | undefined },
): Promise<Lsn | undefined> {
  const from = lastRecordFrom(to);
  if (receiver?.heardEnd === undefined || from === undefined) {
    return undefined;
  }
  const { timeline } = receiver;
  try {
    const walsender = await connectPostgres({
      ...postgres,
      replication: true,
      connectTimeoutMs: READ_MS,
      signal,
    });
    try {
      await silenceLog(walsender, signal);
      const stretch = await readWal(walsender, { timeline, from, to }, { timeoutMs: READ_MS, signal });
      return shutdownCheckpoint(stretch, timeline);
    } finally {
      await walsender.close();
    }
  } catch (error) {
    logger.info(
      { timeline, lsn: formatLsn(to), error: errorText(error) },
      'cannot read the last record before the promotion: it is not known whether the server before was shut down in an orderly way',
    );
    return undefined;
  }
}
