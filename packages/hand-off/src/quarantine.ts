import { copyNames, isKeptCopy, isLogical, type Quarantine, type SlotName } from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';
import {
  classifyPostgresError,
  copySlot,
  createPlaceholder,
  type DatabaseSessions,
  describePostgresError,
  dropSlot,
  isPostgresError,
  observePrimary,
  type PostgresConnection,
  replaceByPlaceholder,
  SlotMovedError,
} from '@slotcast/postgres';
import { isRefusal } from './refusal.ts';

/** duplicate_object */
const EXISTS = '42710';
/** undefined_object, object_in_use: nothing was touched. */
const UNTOUCHED = ['42704', '55006'];

/** Within so long after a copy nobody else has had the turn to put the slot out of reach, and a person cannot have freed its name. */
const TAKE_BACK_MS = 1000;

/** A slot is gone, and nothing keeps its name taken: whoever looks for it may make it anew, and miss changes. */
export class NameNotKeptError extends Error {
  override name = 'NameNotKeptError';
}

interface QuarantineParts {
  readonly sessions: Pick<DatabaseSessions, 'get' | 'main'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly signal: AbortSignal;
}

/** What came of it: the name of the copy, or why there is none. */
export type Quarantined = { readonly copy: SlotName } | { readonly withoutCopy: string };

/**
 * Puts a slot out of its subscriber's reach, so that it fails: a copy is kept, and a placeholder takes the name. This is the one way to do so. A copy that an earlier
 * attempt made is kept as it is: it holds the older positions. Where something else has its name, another name is taken. One that was made in vain, because the slot is in use or was moved, is taken back: nobody
 * would know of it, and it would hold back WAL. A process that was frozen in between leaves it: another one may have put the slot out of reach by it, and what stands under the name now be another slot. Where the server refuses a copy, for whatever reason, the slot goes without: its subscriber has to fail.
 *
 * Rejects with the slot as it was, or with a NameNotKeptError.
 */
export async function quarantineSlot(
  quarantine: Quarantine,
  { sessions, clock, signal }: QuarantineParts,
): Promise<Quarantined> {
  const { slot, database, seen, isCopyOurs = false } = quarantine;
  const begunMs = clock.monotonicMs();
  const connection = await sessions.get(database);
  const kept = await keepCopy(connection, quarantine, signal);
  try {
    await replaceByPlaceholder(connection, slot, seen, signal);
  } catch (error) {
    const isUntouched = error instanceof SlotMovedError || UNTOUCHED.some((code) => hasCode(error, code));
    const isOurs = kept.kind === 'new' || (kept.kind === 'there' && isCopyOurs);
    const isInVain = isUntouched && isOurs && (await isStanding(connection, slot, signal));
    if (isInVain && clock.monotonicMs() - begunMs < TAKE_BACK_MS) {
      await dropSlot(connection, kept.copy, signal);
    }
    throw isUntouched || !isRefusal(error) ? error : notKept(slot, error);
  }
  return kept.kind === 'refused' ? { withoutCopy: kept.said } : { copy: kept.copy };
}

/** Takes the name of a slot that was quarantined, where it is free. Rejects with a NameNotKeptError where somebody was faster. */
export async function takeName(
  slot: SlotName,
  { sessions, signal }: Omit<QuarantineParts, 'clock'>,
): Promise<void> {
  try {
    await createPlaceholder(await sessions.main(), slot, signal);
  } catch (error) {
    throw isRefusal(error) ? notKept(slot, error) : error;
  }
}

type Copy =
  | { readonly kind: 'new' | 'there'; readonly copy: SlotName }
  | { readonly kind: 'refused'; readonly said: string };

async function keepCopy(
  connection: PostgresConnection,
  quarantine: Quarantine,
  signal: AbortSignal,
): Promise<Copy> {
  const { slot: source, plugin } = quarantine;
  // What is left of an earlier promotion, or is a person's, may have the first of them.
  for (const copy of copyNames(source)) {
    try {
      await copySlot(connection, { source, target: copy, plugin, onPromoted: true }, signal);
      return { kind: 'new', copy };
    } catch (error) {
      if (!hasCode(error, EXISTS)) {
        if (isRefusal(error)) {
          return { kind: 'refused', said: describePostgresError(error) };
        }
        throw error;
      }
    }
    const seen = await observePrimary(connection, signal);
    const slots = seen.inRecovery ? [] : seen.slots;
    if (
      isKeptCopy(
        slots.find(({ name }) => name === copy),
        quarantine,
      )
    ) {
      return { kind: 'there', copy };
    }
  }
  return { kind: 'refused', said: 'other slots have the names for a copy' };
}

async function isStanding(
  connection: PostgresConnection,
  slot: SlotName,
  signal: AbortSignal,
): Promise<boolean> {
  const seen = await observePrimary(connection, signal);
  return !seen.inRecovery && isLogical(seen.slots.find(({ name }) => name === slot));
}

function notKept(slot: SlotName, cause: unknown): NameNotKeptError {
  const said = describePostgresError(cause);
  return new NameNotKeptError(
    `slot ${slot} is gone, and nothing keeps its name taken: whoever makes it anew misses changes (${said})`,
    { cause },
  );
}

function hasCode(error: unknown, code: string): boolean {
  return isPostgresError(error) && classifyPostgresError(error).code === code;
}
