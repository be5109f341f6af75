import type { SlotName } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';
import type { StatementLimits } from '../connection/statement-interruption.ts';
import { copyDoneMessage, queryMessage } from '../connection/wire-messages.ts';
import { FORGET_LAST_STREAM } from './slot-moves.ts';

/** What asks pgoutput for it; nothing is decoded, so no publication has to be there. */
const ASKS_FOR_TWO_PHASE = `("proto_version" '3', "publication_names" 'slotcast', "two_phase" 'on')`;

/**
 * Makes a slot of pgoutput `two_phase`, from the position on that it has confirmed, as a subscription does that asks for it (16+, also on a standby): a stream is started and ended at
 * once. Nothing is decoded, and the slot stays where it stands. The server saves it.
 *
 * `session` is a walsender session of the slot's own database. Rejects with what the server says: 42704 when the slot is missing, 55006 when it is in use, 55000 when
 * it is invalidated, synced, or of another database. Then it is as it was; when the connection is lost, it is unknown.
 */
export async function enableTwoPhase(
  session: PostgresConnection,
  slot: SlotName,
  limits: StatementLimits,
): Promise<void> {
  const content = Buffer.concat([
    FORGET_LAST_STREAM,
    queryMessage(`START_REPLICATION SLOT "${slot}" LOGICAL 0/0 ${ASKS_FOR_TWO_PHASE}`),
    copyDoneMessage,
  ]);
  const [, error] = await session.runBatch({ content, commands: 2 }, limits);
  if (error !== undefined) {
    throw error;
  }
}
