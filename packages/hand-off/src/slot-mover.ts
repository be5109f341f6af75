import {
  byDatabase,
  formatLsn,
  HAND_OFF_PATIENCE_MS,
  type HandOffPlan,
  type Lsn,
  type Quarantine,
  type SlotDatabase,
  type SlotName,
  type SlotRestore,
} from '@slotcast/domain';
import { type Clock, errorText, type Logger } from '@slotcast/kernel';
import {
  advanceSlots,
  classifyPostgresError,
  copySlot,
  type DatabaseSessions,
  describePostgresError,
  dropSlot,
  endCreations,
  isPostgresError,
  type PostgresConnection,
  SlotMovedError,
} from '@slotcast/postgres';
import { type Attempt, setFailoverProperties } from './failover-properties.ts';
import type { HandOffLease } from './hand-off-lease.ts';
import { Patience } from './patience.ts';
import { UndecodedMoves } from './undecoded-moves.ts';

/** Slots in one statement that decodes. */
const CHUNK = 25;
/** duplicate_object */
const EXISTS = '42710';
/** object_in_use */
const IN_USE = '55006';
/** configuration_limit_exceeded: all of max_replication_slots is in use; disk_full */
const NO_ROOM = ['53400', '53100'];

type Advance = HandOffPlan['advances'][number];

/** Slots that were to be renamed or dropped and could not be; true when the same may work a moment later. */
export type FailedSlots = ReadonlyMap<SlotName, { readonly again: boolean }>;

/** Carries out the steps of a hand-off on the promoted server. A step that fails is reported and leaves the others alone. */
export class SlotMover {
  readonly #sessions: DatabaseSessions;
  readonly #lease: Pick<HandOffLease, 'assertHeld'>;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #moves: UndecodedMoves;
  readonly #patience: Patience;
  /** Slots whose `failover` is being set. */
  readonly #marking = new Set<SlotName>();
  #patiently: Promise<void> = Promise.resolve();

  constructor(options: {
    sessions: DatabaseSessions;
    lease: Pick<HandOffLease, 'assertHeld'>;
    clock: Clock;
    logger: Logger;
    /** A walsender session that is open already: there may be no other one left. */
    walsender?: PostgresConnection | undefined;
    signal: AbortSignal;
  }) {
    this.#sessions = options.sessions;
    this.#lease = options.lease;
    this.#logger = options.logger;
    this.#signal = options.signal;
    this.#moves = new UndecodedMoves(options);
    this.#patience = new Patience(HAND_OFF_PATIENCE_MS, options);
  }

  /**
   * Carries out a plan. First what makes slots safe, then what spares their subscribers repeated changes. What may have to wait is only begun: it goes on until
   * `finish`, or until another plan has something to do with a slot. No slot is moved beyond `upTo`. Rejects, with all further steps undone, when another process
   * has taken over.
   */
  async run(plan: HandOffPlan, upTo: Lsn): Promise<FailedSlots> {
    if (touchesSlots(plan)) {
      // Who sets a property of a slot uses it, and would be in the way.
      await this.#patiently;
    }
    const failed = new Map<SlotName, { readonly again: boolean }>();
    const attempt = async (slot: SlotName, step: string, work: () => Promise<void>): Promise<void> => {
      const failure = await this.#try(slot, step, work);
      if (failure !== undefined) {
        failed.set(slot, failure);
      }
    };
    for (const slot of plan.creations) {
      // A session of another role cannot be ended; that is no reason to leave the other slots as they are.
      await attempt(slot, 'end the making', async () => {
        await endCreations(await this.#sessions.main(), [slot], this.#signal);
      });
    }
    for (const restore of plan.restores) {
      await attempt(restore.slot, 'make it again', () => this.#restore(restore));
    }
    for (const quarantine of plan.quarantines) {
      await attempt(quarantine.slot, 'quarantine', () => this.#quarantine(quarantine));
    }
    for (const { slot, reason, seen } of plan.drops) {
      await attempt(slot, 'drop', async () => {
        await this.#sessions.drop(slot, seen);
        this.#logger.error({ slot, reason }, 'dropped a slot that was not safe to use at the promotion');
      });
    }
    const waiting = await Promise.all(
      byDatabase(plan.advances).map(([database, advances]) => this.#moveAll(database, advances, upTo)),
    );
    this.#begin(plan.failovers, waiting.flat());
    return failed;
  }

  /** Resolves when nothing that was begun is under way any more. */
  finish(): Promise<void> {
    return this.#patiently;
  }

  #begin(failovers: HandOffPlan['failovers'], advances: readonly Advance[]): void {
    const added = failovers.filter(({ slot }) => !this.#marking.has(slot));
    added.forEach(({ slot }) => this.#marking.add(slot));
    const begun = this.#patiently.then(() => this.#finishPatiently(added, advances));
    // Whoever waits for it gets the error.
    begun.catch(() => undefined);
    this.#patiently = begun;
  }

  /** Moves the slots of one database; where that takes decoding, all but those that may have to wait, which are returned. */
  async #moveAll(
    database: SlotDatabase,
    advances: readonly Advance[],
    upTo: Lsn,
  ): Promise<readonly Advance[]> {
    await this.#lease.assertHeld();
    const { left, refused } = await this.#moves.run(database, advances, upTo);
    for (const { advance, error } of refused) {
      await this.#try(advance.slot, `move to ${formatLsn(advance.target)}`, () => Promise.reject(error));
    }
    await this.#advanceAll(
      database,
      left.filter(({ mayWait }) => !mayWait),
    );
    return left.filter(({ mayWait }) => mayWait);
  }

  /** The steps that wait for others. Nothing is lost without them: a subscriber gets some changes twice, or has no failover property for now. */
  async #finishPatiently(failovers: HandOffPlan['failovers'], advances: readonly Advance[]): Promise<void> {
    const patience = this.#patience;
    const attempt: Attempt = async (slot, step, work) => {
      await this.#try(slot, step, work);
      this.#marking.delete(slot);
    };
    const parts = { sessions: this.#sessions, patience, attempt, logger: this.#logger, signal: this.#signal };
    await setFailoverProperties(failovers, parts);
    for (const { slot, database, target } of advances) {
      await this.#try(slot, `advance to ${formatLsn(target)}`, async () => {
        const session = await this.#sessions.get(database);
        await patience.spend(async (limits) => {
          await advanceSlots(session, [{ name: slot, target }], limits);
        });
      });
    }
  }

  async #advanceAll(database: SlotDatabase, advances: readonly Advance[]): Promise<void> {
    for (let start = 0; start < advances.length; start += CHUNK) {
      const chunk = advances.slice(start, start + CHUNK);
      await this.#lease.assertHeld();
      if (!(await this.#advanceTogether(database, chunk))) {
        for (const advance of chunk) {
          await this.#try(advance.slot, 'advance', () => this.#advance(database, [advance]));
        }
      }
    }
  }

  /** False when a slot of the chunk stood in the way of the others. */
  async #advanceTogether(database: SlotDatabase, chunk: readonly Advance[]): Promise<boolean> {
    try {
      await this.#advance(database, chunk);
      return true;
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#logger.debug({ database: database.name, error: errorText(error) }, 'advancing slots one by one');
      return false;
    }
  }

  async #advance(database: SlotDatabase, chunk: readonly Advance[]): Promise<void> {
    const targets = chunk.map(({ slot, target }) => ({ name: slot, target }));
    await advanceSlots(await this.#sessions.get(database), targets, { signal: this.#signal });
  }

  /**
   * A copy that an earlier attempt made is kept: it holds the older positions. One that was made in vain, because the slot is in use or was moved, is
   * taken back: nobody would know of it, and it would hold back WAL. Where there is no room for a copy the slot goes without: its
   * subscriber has to fail.
   */
  async #quarantine({ slot, copy, database, plugin, reason, seen }: Quarantine): Promise<void> {
    const connection = await this.#sessions.get(database);
    const made = await this.#copy(connection, { source: slot, target: copy, plugin });
    try {
      await dropSlot(connection, slot, this.#signal, seen);
    } catch (error) {
      if (made === 'new' && (hasCode(error, IN_USE) || error instanceof SlotMovedError)) {
        await dropSlot(connection, copy, this.#signal);
      }
      throw error;
    }
    this.#logger.error(
      { slot, copy: made === 'no_room' ? undefined : copy, reason },
      made === 'no_room'
        ? 'dropped a slot that must not be used: max_replication_slots or the disk leaves no room to keep a copy'
        : 'quarantined a slot',
    );
  }

  async #restore({ slot, leader, database, plugin }: SlotRestore): Promise<void> {
    const names = { source: leader, target: slot, plugin, onPromoted: true };
    await copySlot(await this.#sessions.get(database), names, this.#signal);
    this.#logger.warn({ slot, leader }, 'made a slot again that was missing since it was to be made anew');
  }

  async #copy(
    connection: PostgresConnection,
    names: { readonly source: SlotName; readonly target: SlotName; readonly plugin: string },
  ): Promise<'new' | 'there' | 'no_room'> {
    try {
      await copySlot(connection, { ...names, onPromoted: true }, this.#signal);
      return 'new';
    } catch (error) {
      if (hasCode(error, EXISTS)) {
        return 'there';
      }
      if (NO_ROOM.some((code) => hasCode(error, code))) {
        return 'no_room';
      }
      throw error;
    }
  }

  /** How it failed, if it did. A slot that its subscriber uses already, or that is further on, is none of a hand-off's business. */
  async #try(
    slot: SlotName,
    step: string,
    work: () => Promise<void>,
  ): Promise<{ readonly again: boolean } | undefined> {
    await this.#lease.assertHeld();
    try {
      await work();
      return undefined;
    } catch (error) {
      this.#signal.throwIfAborted();
      const known = isPostgresError(error) ? classifyPostgresError(error).class : undefined;
      const said = isPostgresError(error) ? describePostgresError(error) : errorText(error);
      this.#logger[known === 'stale' ? 'info' : 'error'](
        { slot, step, error: said },
        'a step of the hand-off was not done',
      );
      return { again: known === 'retry' || known === 'cancelled' || error instanceof SlotMovedError };
    }
  }
}

/** True when a plan has more to do than to set properties. */
function touchesSlots({ creations, restores, quarantines, drops, advances }: HandOffPlan): boolean {
  return [creations, restores, quarantines, drops, advances].some((steps) => steps.length > 0);
}

function hasCode(error: unknown, code: string): boolean {
  return isPostgresError(error) && classifyPostgresError(error).code === code;
}
