import type { SlotName } from '@slotcast/domain';
import type { PostgresConnection } from './connection.ts';

/**
 * Marks a logical slot of a primary as one that follows a failover (17+). Needs a connection with `replication: true`. Rejects with
 * 55006 when the slot is in use.
 */
export async function setFailoverProperty(
  replication: PostgresConnection,
  slot: SlotName,
  signal?: AbortSignal,
): Promise<void> {
  // A slot name has no character that would need more than the quotes.
  await replication.run({ text: `ALTER_REPLICATION_SLOT "${slot}" (FAILOVER true)` }, { signal });
}
