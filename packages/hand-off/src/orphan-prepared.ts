import {
  findOrphanPrepared,
  type HandOffInput,
  mayHoldPrepared,
  type OpenTransaction,
  type Promotion,
  recordOrphans,
} from '@slotcast/domain';
import type { Logger } from '@slotcast/kernel';
import { type PostgresConnection, readPreparedTransactions } from '@slotcast/postgres';

/** Tells of subscribers that were ahead and may hold transactions prepared that the promoted server never had: nothing else would. Returns the record with them. */
export async function withOrphanPrepared(
  promotion: Promotion,
  { published, elsewhere }: Pick<HandOffInput, 'published' | 'elsewhere'>,
  server: {
    readonly connection: PostgresConnection;
    /** Those of the primary before, by its last record. */
    readonly before: readonly OpenTransaction[];
    readonly logger: Logger;
    readonly signal: AbortSignal;
  },
): Promise<Promotion> {
  const { ahead } = promotion;
  const { connection, before, logger, signal } = server;
  const eventOf = (slot: Parameters<HandOffInput['published']['get']>[0]) =>
    published.get(slot) ?? elsewhere.get(slot);
  if (mayHoldPrepared({ ahead, eventOf }).length === 0) {
    return promotion;
  }
  const here = await readPreparedTransactions(connection, signal);
  const orphans = findOrphanPrepared({ ahead, eventOf, before, here });
  for (const { slot, gids } of orphans) {
    logger.warn(
      { slot, prepared: gids.join(', ') },
      'the subscriber of a slot with two_phase was ahead of this server: it may hold transactions prepared that nobody will end, and stand still because of them',
    );
  }
  return recordOrphans(promotion, orphans);
}
