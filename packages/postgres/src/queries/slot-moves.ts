import { formatLsn, type Lsn, parseLsn, parseSlotName, type SlotName } from '@slotcast/domain';
import type { DatabaseError } from 'pg';
import type { CommandBatch } from '../connection/command-batch.ts';
import type { PostgresConnection } from '../connection/connection.ts';
import { classifyPostgresError } from '../connection/postgres-error.ts';
import type { StatementLimits } from '../connection/statement-interruption.ts';
import { copyDataMessage, copyDoneMessage, queryMessage, statusUpdate } from '../connection/wire-messages.ts';

/** Where a slot is to go. */
export interface SlotMove {
  readonly name: SlotName;
  readonly plugin: string;
  readonly target: Lsn;
}

/** What became of a move. */
export type SlotMoveOutcome =
  /** The slot was seen at or beyond its target. */
  | { readonly kind: 'moved'; readonly name: SlotName; readonly position: Lsn }
  /** The server did nothing, and said nothing; `undefined` when there is no such slot any more. */
  | { readonly kind: 'stayed'; readonly name: SlotName; readonly position: Lsn | undefined }
  | { readonly kind: 'refused'; readonly name: SlotName; readonly error: DatabaseError };

interface PositionRow {
  readonly slot_name: string;
  readonly confirmed_flush_lsn: string;
}

/**
 * Ends nowhere, and always with an error. A walsender keeps in mind that the last stream was ended by its client, and would end the
 * next logical one before it reads what its client confirms; only the beginning of a physical stream lets it forget that.
 */
export const FORGET_LAST_STREAM = queryMessage('START_REPLICATION PHYSICAL FFFFFFFF/FFFFFFF0');
/** What a plugin must be told before it starts. It decodes nothing, so what it is told decides nothing. */
const PLUGIN_OPTIONS: ReadonlyMap<string, string> = new Map([
  ['pgoutput', ` ("proto_version" '1', "publication_names" 'slotcast')`],
]);
const COMMANDS_PER_MOVE = 2;

/**
 * Moves slots as a client does that confirms what it has received, all in one write: each is started at its target, confirmed up to there, and ended. Nothing is
 * decoded and nothing is saved, so `confirmed_flush_lsn` alone moves; a restart of the server brings back the position that was saved last. The
 * server never moves a slot backwards, but it would move it past replay: rejects with a RangeError, before anything is sent, when a
 * target is beyond `upTo`. Positions are read back.
 *
 * `session` is a walsender session of the slots' own database (55000 from another one). `refused`: 42704 when a slot is missing, 55006 when it is in use, 55000 when it is
 * invalidated or synced, or whatever the plugin says of options that it lacks; the other slots move all the same. Rejects when the connection is lost
 * or a limit is reached: then it is unknown which slots have moved.
 */
export async function moveSlots(
  session: PostgresConnection,
  moves: readonly SlotMove[],
  limits: StatementLimits & { readonly upTo: Lsn },
): Promise<readonly SlotMoveOutcome[]> {
  for (const { name, target } of moves) {
    if (target > limits.upTo) {
      throw new RangeError(
        `slot ${name} is not moved to ${formatLsn(target)}: this server's WAL counts up to ${formatLsn(limits.upTo)} only`,
      );
    }
  }
  if (moves.length === 0) {
    return [];
  }
  const answers = await session.runBatch(batchOf(moves), limits);
  const positions = await readPositions(session, moves, limits);
  return moves.map(({ name, target }, index) => {
    const error = answers[index * COMMANDS_PER_MOVE + 1];
    const position = positions.get(name);
    if (error !== undefined) {
      return { kind: 'refused', name, error };
    }
    return position === undefined || position < target
      ? { kind: 'stayed', name, position }
      : { kind: 'moved', name, position };
  });
}

function batchOf(moves: readonly SlotMove[]): CommandBatch {
  const now = Date.now();
  const messages = moves.flatMap(({ name, plugin, target }) => [
    FORGET_LAST_STREAM,
    queryMessage(
      `START_REPLICATION SLOT "${name}" LOGICAL ${formatLsn(target)}${PLUGIN_OPTIONS.get(plugin) ?? ''}`,
    ),
    copyDataMessage(statusUpdate(target, now)),
    copyDoneMessage,
  ]);
  return { content: Buffer.concat(messages), commands: moves.length * COMMANDS_PER_MOVE };
}

async function readPositions(
  session: PostgresConnection,
  moves: readonly SlotMove[],
  limits: StatementLimits,
): Promise<ReadonlyMap<SlotName, Lsn>> {
  // A walsender session takes no parameters; parsed slot names have letters, digits and underscores only.
  const names = moves.map(({ name }) => `'${name}'`).join(', ');
  const text = `
    select slot_name::text, confirmed_flush_lsn::text
      from pg_get_replication_slots()
     where slot_name in (${names}) and confirmed_flush_lsn is not null`;
  const rows = await session.run<PositionRow>({ text }, limits);
  return new Map(rows.map((row) => [parseSlotName(row.slot_name), parseLsn(row.confirmed_flush_lsn)]));
}

/**
 * True when an advance may work where a move did not: the server did nothing, or refused it for the sake of the plugin, which is not there, or got options
 * that it does not know, or lacked some. An advance does not load the plugin.
 */
export function takesDecoding(outcome: SlotMoveOutcome): boolean {
  switch (outcome.kind) {
    case 'moved':
      return false;
    case 'stayed':
      return outcome.position !== undefined;
    case 'refused': {
      const { class: kind } = classifyPostgresError(outcome.error);
      return kind === 'unexpected' || kind === 'blocked';
    }
  }
}
