import {
  findOrphanPrepared,
  type HandOffInput,
  mayHoldPrepared,
  type OpenTransaction,
  type Promotion,
} from '@slotcast/domain';
import type { Logger } from '@slotcast/kernel';
import { type PostgresConnection, readPreparedTransactions } from '@slotcast/postgres';

/** Tells of subscribers that were ahead and may hold transactions prepared that the promoted server never had: nothing else would. */
export async function reportOrphanPrepared(
  { ahead }: Pick<Promotion, 'ahead'>,
  { published, elsewhere }: Pick<HandOffInput, 'published' | 'elsewhere'>,
  server: {
    readonly connection: PostgresConnection;
    /** Those of the primary before, by its last record. */
    readonly before: readonly OpenTransaction[];
    readonly logger: Logger;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { connection, before, logger, signal } = server;
  const eventOf = (slot: Parameters<HandOffInput['published']['get']>[0]) =>
    published.get(slot) ?? elsewhere.get(slot);
  if (mayHoldPrepared({ ahead, eventOf }).length === 0) {
    return;
  }
  const here = await readPreparedTransactions(connection, signal);
  for (const { slot, gids } of findOrphanPrepared({ ahead, eventOf, before, here })) {
    logger.warn(
      { slot, prepared: gids.join(', ') },
      'the subscriber of a slot with two_phase was ahead of this server: it may hold transactions prepared that nobody will end, and stand still because of them',
    );
  }
}
