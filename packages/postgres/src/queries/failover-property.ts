import type { SlotName } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';
import type { StatementLimits } from '../connection/statement-interruption.ts';

/**
 * Marks a logical slot of a primary as one that follows a failover (17+). Needs a connection with `replication: true`. It waits,
 * without an end, for whoever uses the slot.
 */
export async function setFailoverProperty(
  replication: PostgresConnection,
  slot: SlotName,
  limits: StatementLimits = {},
): Promise<void> {
  // A slot name has no character that would need more than the quotes.
  await replication.run({ text: `ALTER_REPLICATION_SLOT "${slot}" (FAILOVER true)` }, limits);
}
