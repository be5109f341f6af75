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
  advanceSlot,
  advanceSlots,
  classifyPostgresError,
  copySlot,
  type DatabaseSessions,
  describePostgresError,
  endCreations,
  isPostgresError,
  type PostgresConnection,
  SlotMovedError,
} from '@slotcast/postgres';
import { type Attempt, setFailoverProperties } from './failover-properties.ts';
import type { HandOffLease } from './hand-off-lease.ts';
import { Patience } from './patience.ts';
import { NameNotKeptError, quarantineSlot, takeName } from './quarantine.ts';
import { UndecodedMoves } from './undecoded-moves.ts';

/** object_in_use */
const IN_USE = '55006';
const unclassified = { class: undefined, code: undefined } as const;

/** Slots in one statement that decodes. */
const CHUNK = 25;

type Advance = HandOffPlan['advances'][number];

/** How a step failed. `again`: the same may work a moment later. `isInUse`: once its subscriber has left the slot, which may be never. */
interface FailedStep {
  readonly again: boolean;
  readonly isInUse: boolean;
}

/** Slots that were to be renamed or dropped and could not be. */
export type FailedSlots = ReadonlyMap<SlotName, FailedStep>;

/** Carries out the steps of a hand-off on the promoted server. A step that fails is reported and leaves the others alone. */
export class SlotMover {
  readonly #sessions: DatabaseSessions;
  readonly #lease: Pick<HandOffLease, 'assertHeld'>;
  readonly #clock: Clock;
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
    this.#clock = options.clock;
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
    const failed = new Map<SlotName, FailedStep>();
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
    for (const placeholder of plan.placeholders) {
      await attempt(placeholder.slot, 'keep the name taken', () => this.#takeName(placeholder));
    }
    for (const { slot, reason, seen } of plan.drops) {
      await attempt(slot, 'drop', async () => {
        await this.#sessions.drop(slot, seen);
        this.#logger.error({ slot, reason }, 'dropped a slot that was not safe to use at the promotion');
      });
    }
    for (const { slot, database } of plan.twoPhases) {
      await attempt(slot, 'make it two_phase', () => this.#moves.enableTwoPhase(database, slot));
    }
    const waiting = await Promise.all(
      byDatabase(plan.advances).map(([database, advances]) => this.#moveAll(database, advances, upTo)),
    );
    for (const { slot, target } of plan.physicalMoves) {
      // It would keep more WAL than it has to, and no more than that.
      await this.#try(slot, `move to ${formatLsn(target)}`, async () => {
        await advanceSlot(await this.#sessions.main(), { name: slot, target }, { signal: this.#signal });
      });
    }
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

  async #quarantine(quarantine: Quarantine): Promise<void> {
    const { slot, reason } = quarantine;
    const parts = { sessions: this.#sessions, clock: this.#clock, signal: this.#signal };
    const done = await quarantineSlot(quarantine, parts);
    this.#logger.error(
      { slot, reason, ...done },
      'copy' in done
        ? 'quarantined a slot: a copy is kept, and a placeholder has its name'
        : 'dropped a slot that must not be used, as the server keeps no copy of it; a placeholder has its name',
    );
  }

  async #takeName({ slot }: HandOffPlan['placeholders'][number]): Promise<void> {
    await takeName(slot, { sessions: this.#sessions, signal: this.#signal });
    this.#logger.error({ slot }, 'put a placeholder under the name of a quarantined slot');
  }

  async #restore({ slot, leader, database, plugin }: SlotRestore): Promise<void> {
    const names = { source: leader, target: slot, plugin, onPromoted: true };
    await copySlot(await this.#sessions.get(database), names, this.#signal);
    this.#logger.warn({ slot, leader }, 'made a slot again that was missing since it was to be made anew');
  }

  /** How it failed, if it did. A slot that its subscriber uses already, or that is further on, is none of a hand-off's business. */
  async #try(slot: SlotName, step: string, work: () => Promise<void>): Promise<FailedStep | undefined> {
    await this.#lease.assertHeld();
    try {
      await work();
      return undefined;
    } catch (error) {
      this.#signal.throwIfAborted();
      const { class: known, code } = isPostgresError(error) ? classifyPostgresError(error) : unclassified;
      const said = describePostgresError(error);
      this.#logger[known === 'stale' ? 'info' : 'error'](
        { slot, step, error: said },
        'a step of the hand-off was not done',
      );
      const mayPass = error instanceof SlotMovedError || error instanceof NameNotKeptError;
      return { again: known === 'retry' || known === 'cancelled' || mayPass, isInUse: code === IN_USE };
    }
  }
}

/** True when a plan has more to do than to set properties. */
function touchesSlots(plan: HandOffPlan): boolean {
  const { creations, restores, quarantines, placeholders, drops, twoPhases, advances } = plan;
  const all = [creations, restores, quarantines, placeholders, drops, twoPhases, advances];
  return all.some((steps) => steps.length > 0);
}
