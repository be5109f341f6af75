import { type HandOffPlan, type Lsn, type SlotDatabase, type SlotName, sameDatabase } from '@slotcast/domain';
import { errorText, type Logger } from '@slotcast/kernel';
import {
  currentDatabase,
  type DatabaseSessions,
  enableTwoPhase,
  isPostgresError,
  moveSlots,
  type PostgresConnection,
  type SlotMoveOutcome,
  takesDecoding,
} from '@slotcast/postgres';

type Advance = HandOffPlan['advances'][number];

/** Slots in one batch. */
const BATCH = 250;
/** A batch takes milliseconds; a server that needs so long does not answer. */
const BATCH_TIMEOUT_MS = 5000;

/** What became of the moves of a database. */
export interface UndecodedMovesOutcome {
  /** Slots that could not be moved in this way, and may be by decoding. */
  readonly left: readonly Advance[];
  /** Slots of which the server said why they cannot be moved. */
  readonly refused: readonly { readonly advance: Advance; readonly error: unknown }[];
}

/** What is done to slots of a promoted server without decoding: moves, and two_phase, which takes a walsender session: one of its own, or one that was lent. */
export class UndecodedMoves {
  readonly #sessions: DatabaseSessions;
  readonly #lent: PostgresConnection | undefined;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;

  constructor(options: {
    sessions: DatabaseSessions;
    /** A walsender session that is open already. */
    walsender?: PostgresConnection | undefined;
    logger: Logger;
    signal: AbortSignal;
  }) {
    this.#sessions = options.sessions;
    this.#lent = options.walsender;
    this.#logger = options.logger;
    this.#signal = options.signal;
  }

  /** Moves slots of one database, none beyond `upTo`: the server itself stops an advance at the end of its WAL, and a move nowhere. */
  async run(database: SlotDatabase, advances: readonly Advance[], upTo: Lsn): Promise<UndecodedMovesOutcome> {
    const left = advances.filter(({ target }) => target > upTo);
    const within = advances.filter(({ target }) => target <= upTo);
    const refused: { advance: Advance; error: unknown }[] = [];
    for (let start = 0; start < within.length; start += BATCH) {
      const batch = within.slice(start, start + BATCH);
      const outcomes = await this.#move(database, batch, upTo);
      batch.forEach((advance, index) => {
        const outcome = outcomes?.[index];
        if (outcome === undefined || takesDecoding(outcome)) {
          left.push(advance);
        } else if (outcome.kind === 'refused') {
          refused.push({ advance, error: outcome.error });
        }
      });
    }
    return { left, refused };
  }

  /** Makes a slot of pgoutput two_phase where it stands. Rejects with what the server says. */
  async enableTwoPhase(database: SlotDatabase, slot: SlotName): Promise<void> {
    const limits = { timeoutMs: BATCH_TIMEOUT_MS, signal: this.#signal };
    const work = async (session: PostgresConnection): Promise<true> => {
      await enableTwoPhase(session, slot, limits);
      return true;
    };
    try {
      await this.#sessions.useWalsender(database, work);
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!isPostgresError(error) || (await this.#withLent(database, work)) === undefined) {
        throw error;
      }
    }
  }

  /** `undefined` when there was no session for it, or it failed. */
  async #move(
    database: SlotDatabase,
    batch: readonly Advance[],
    upTo: Lsn,
  ): Promise<readonly SlotMoveOutcome[] | undefined> {
    const moves = batch.map(({ slot, plugin, target }) => ({ name: slot, plugin, target }));
    const limits = { upTo, timeoutMs: BATCH_TIMEOUT_MS, signal: this.#signal };
    const work = (session: PostgresConnection): Promise<readonly SlotMoveOutcome[]> =>
      moveSlots(session, moves, limits);
    return (
      (await this.#try(database, () => this.#sessions.useWalsender(database, work))) ??
      (await this.#try(database, () => this.#withLent(database, work)))
    );
  }

  async #withLent<T>(
    database: SlotDatabase,
    work: (session: PostgresConnection) => Promise<T>,
  ): Promise<T | undefined> {
    const session = this.#lent;
    if (session === undefined || session.broken) {
      return undefined;
    }
    const { name, oid } = await currentDatabase(session, this.#signal);
    return sameDatabase(database, { name, oid }) ? await work(session) : undefined;
  }

  async #try<T>(database: SlotDatabase, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!isPostgresError(error)) {
        throw error;
      }
      this.#logger.info(
        { database: database.name, error: errorText(error) },
        'cannot move slots without decoding here',
      );
      return undefined;
    }
  }
}
