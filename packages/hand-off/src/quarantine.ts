import type { Quarantine, SlotName } from '@slotcast/domain';
import { errorText } from '@slotcast/kernel';
import {
  classifyPostgresError,
  copySlot,
  createPlaceholder,
  type DatabaseSessions,
  describePostgresError,
  dropSlot,
  isPostgresError,
  type PostgresConnection,
  replaceByPlaceholder,
  SlotMovedError,
} from '@slotcast/postgres';

/** duplicate_object */
const EXISTS = '42710';
/** undefined_object, object_in_use: nothing was touched. */
const UNTOUCHED = ['42704', '55006'];
/** disk_full, out_of_memory: elsewhere they are waited for. */
const NO_ROOM = ['53100', '53200'];

/** A slot is gone, and nothing keeps its name taken: whoever looks for it may make it anew, and miss changes. */
export class NameNotKeptError extends Error {
  override name = 'NameNotKeptError';
}

interface QuarantineParts {
  readonly sessions: Pick<DatabaseSessions, 'get' | 'main'>;
  readonly signal: AbortSignal;
}

/** What came of it: the name of the copy, or why there is none. */
export type Quarantined = { readonly copy: SlotName } | { readonly withoutCopy: string };

/**
 * Puts a slot out of its subscriber's reach, so that it fails: a copy is kept, and a placeholder takes the name. This is the one way to do so. A copy that an earlier
 * attempt made is kept as it is: it holds the older positions. One that was made in vain, because the slot is in use or was moved, is taken back: nobody
 * would know of it, and it would hold back WAL. Where the server refuses a copy, for whatever reason, the slot goes without: its subscriber has to fail.
 *
 * Rejects with the slot as it was, or with a NameNotKeptError.
 */
export async function quarantineSlot(
  { slot, copy, database, plugin, seen }: Quarantine,
  { sessions, signal }: QuarantineParts,
): Promise<Quarantined> {
  const connection = await sessions.get(database);
  const kept = await keepCopy(connection, { source: slot, target: copy, plugin }, signal);
  try {
    await replaceByPlaceholder(connection, slot, seen, signal);
  } catch (error) {
    const isUntouched = error instanceof SlotMovedError || UNTOUCHED.some((code) => hasCode(error, code));
    if (kept.kind === 'new' && isUntouched) {
      await dropSlot(connection, copy, signal);
    }
    throw isUntouched || !isRefusal(error) ? error : notKept(slot, error);
  }
  return kept.kind === 'refused' ? { withoutCopy: kept.said } : { copy };
}

/** Takes the name of a slot that was quarantined, where it is free. Rejects with a NameNotKeptError where somebody was faster. */
export async function takeName(slot: SlotName, { sessions, signal }: QuarantineParts): Promise<void> {
  try {
    await createPlaceholder(await sessions.main(), slot, signal);
  } catch (error) {
    throw isRefusal(error) ? notKept(slot, error) : error;
  }
}

type Copy = { readonly kind: 'new' | 'there' } | { readonly kind: 'refused'; readonly said: string };

async function keepCopy(
  connection: PostgresConnection,
  names: { readonly source: SlotName; readonly target: SlotName; readonly plugin: string },
  signal: AbortSignal,
): Promise<Copy> {
  try {
    await copySlot(connection, { ...names, onPromoted: true }, signal);
    return { kind: 'new' };
  } catch (error) {
    if (hasCode(error, EXISTS)) {
      return { kind: 'there' };
    }
    if (isRefusal(error)) {
      return { kind: 'refused', said: describePostgresError(error) };
    }
    throw error;
  }
}

/** The server said no, and nobody waits until it might say yes: neither the connection nor an interruption was at fault. */
function isRefusal(error: unknown): boolean {
  if (!isPostgresError(error)) {
    return false;
  }
  const { class: known, code } = classifyPostgresError(error);
  return code !== undefined && (NO_ROOM.includes(code) || (known !== 'retry' && known !== 'cancelled'));
}

function notKept(slot: SlotName, cause: unknown): NameNotKeptError {
  const said = isPostgresError(cause) ? describePostgresError(cause) : errorText(cause);
  return new NameNotKeptError(
    `slot ${slot} is gone, and nothing keeps its name taken: whoever makes it anew misses changes (${said})`,
    { cause },
  );
}

function hasCode(error: unknown, code: string): boolean {
  return isPostgresError(error) && classifyPostgresError(error).code === code;
}
