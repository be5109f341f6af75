import { PROBE_PREFIX, parseSlotName, type SlotDatabase, type SlotName } from '@slotcast/domain';
import { copyForProof, limitProof, type ProofCopy } from '../queries/slot-digest.ts';
import type { PostgresConnection } from './connection.ts';
import type { PostgresOptions } from './connection-options.ts';
import { DatabaseSessions } from './database-sessions.ts';

const COPY_NAME = parseSlotName(`${PROBE_PREFIX}verify`);
/** Decoding takes no longer than this for one slot. */
const STATEMENT_MS = 60_000;
/** Longer than any wait between two statements of a proof. */
const IDLE_MS = 90_000;

/**
 * Copies a slot to a temporary one, lends `work` the copy and its session, and ends both. No slot but the copy is touched, and the server ends the copy by itself should
 * this process be frozen. Rejects as `work`, `copyForProof` and the opening of a session do.
 */
export async function withProofCopy<T>(
  of: {
    readonly postgres: PostgresOptions;
    readonly database: SlotDatabase;
    readonly source: SlotName;
    readonly onStandbyOnly: boolean;
    readonly signal: AbortSignal;
  },
  work: (connection: PostgresConnection, copy: ProofCopy) => Promise<T>,
): Promise<T> {
  const { postgres, database, source, onStandbyOnly, signal } = of;
  const sessions = new DatabaseSessions(postgres, () => undefined, signal);
  try {
    const { connection } = await sessions.openPrivate(database);
    try {
      await limitProof(connection, { statementMs: STATEMENT_MS, idleMs: IDLE_MS }, signal);
      const copy = await copyForProof(connection, { source, copy: COPY_NAME, onStandbyOnly }, signal);
      return await work(connection, copy);
    } finally {
      await connection.close();
    }
  } finally {
    await sessions.close();
  }
}
