import {
  type HandOffInput,
  keptOwnership,
  keptTwoPhase,
  type LocalSlot,
  type Lsn,
  type Ownership,
  planLeaderSweep,
  type RemakingSlot,
  remakingSlots,
  type SlotName,
  type SlotRestore,
} from '@slotcast/domain';
import { type Clock, errorText, type Logger, pause } from '@slotcast/kernel';
import {
  connectPostgres,
  copySlot,
  DatabaseSessions,
  type ObservedPrimary,
  observePrimary,
  type PostgresConnection,
  type PostgresOptions,
  readLeadingSlots,
} from '@slotcast/postgres';
import { plainSlots } from './undone-steps.ts';

const AGAIN_MS = 60_000;
/** The same while a missing slot is to be made from one. */
const RESTORE_AGAIN_MS = 15_000;
/** So long a leading slot may hold back WAL and vacuum for a slot that cannot be made from it. */
const KEPT_MS = 3_600_000;

/**
 * Drops leading slots that nothing is to be made from any more, and returns how many could not be. They would hold back WAL and vacuum for ever. `mayDrop` is awaited before
 * each of them, as one that is held up lets time go by, and ends it all when it rejects.
 */
export async function dropLeaders(
  leaders: readonly LocalSlot[],
  {
    sessions,
    mayDrop,
    logger,
    signal,
  }: { sessions: DatabaseSessions; mayDrop: () => Promise<void>; logger: Logger; signal: AbortSignal },
): Promise<number> {
  let left = 0;
  for (const leader of leaders) {
    const { name } = leader;
    await mayDrop();
    try {
      await sessions.drop(name, leader);
      logger.info({ slot: name }, 'dropped a leading slot');
    } catch (error) {
      signal.throwIfAborted();
      left += 1;
      logger.warn({ slot: name, error: errorText(error) }, 'a leading slot could not be dropped yet');
    }
  }
  return left;
}

/** The end of a hand-off: what it leaves on record as the ownership of slots that are to be made again, and of those that count as safe from now on. */
export async function ownershipAfter(
  site: Parameters<typeof sweepIdleLeaders>[0],
  input: HandOffInput | undefined,
  after: ObservedPrimary,
): Promise<ReadonlyMap<SlotName, Ownership>> {
  const remade = await sweepIdleLeaders(site, input, after);
  const plain = plainSlots(after.slots);
  const kept = [...(input === undefined ? [] : keptTwoPhase(input))].filter(([slot]) => !plain.has(slot));
  return new Map([...kept, ...remade]);
}

/**
 * The end of a hand-off: drops all leading slots but those that a missing slot may still be made from; the publisher sees to what is left, once it publishes. Returns the ownership of the missing
 * ones. `after`: the slots as they are now.
 */
async function sweepIdleLeaders(
  site: {
    readonly connection: PostgresConnection;
    readonly drop: (leaders: readonly LocalSlot[]) => Promise<number>;
    readonly switchLsn: Lsn;
    readonly logger: Logger;
    readonly signal: AbortSignal;
  },
  input: HandOffInput | undefined,
  after: ObservedPrimary,
): Promise<ReadonlyMap<SlotName, Ownership>> {
  const { connection, drop, switchLsn, logger, signal } = site;
  const leaders = await readLeadingSlots(connection, signal);
  const here = namesHere(after);
  const remaking = input === undefined ? [] : remakingSlots(input);
  const { restores, idle } = planLeaderSweep({ remaking, here, leaders, switchLsn });
  for (const { slot, leader } of restores) {
    logger.warn({ slot, leader }, 'kept a leading slot: a missing slot may still be made from it');
  }
  await drop(idle);
  const missing = new Set(restores.map(({ slot }) => slot));
  return new Map(
    remaking.flatMap((each) => (missing.has(each.slot) ? [[each.slot, keptOwnership(each, switchLsn)]] : [])),
  );
}

function namesHere({ slots, unreadable }: Pick<ObservedPrimary, 'slots' | 'unreadable'>): Set<string> {
  return new Set([...slots.map(({ name }) => name), ...unreadable.map(({ slot }) => slot)]);
}

export interface LeaderSweepOptions {
  readonly postgres: PostgresOptions;
  /** Slots that got lost in the hand-off, and may still be made from a leading slot. */
  readonly remaking: readonly RemakingSlot[];
  /** Where the server left the timeline before; absent when no promotion is on record. */
  readonly switchLsn: Lsn | undefined;
  /** Called when a slot is there that the hand-off could not make. */
  readonly onRestored: (slot: SlotName) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * On a primary whose hand-off is over: makes from leading slots what the hand-off could not, for a while, and drops those that are of no use any more.
 * Tries again while some are left, and never rejects.
 */
export async function sweepLeaders(options: LeaderSweepOptions): Promise<void> {
  const { clock, logger, signal } = options;
  const sweep = new Sweep(options);
  while (!signal.aborted) {
    let pauseMs = AGAIN_MS;
    try {
      const { left, missing } = await sweep.once();
      if (left === 0) {
        return;
      }
      pauseMs = missing > 0 ? RESTORE_AGAIN_MS : AGAIN_MS;
    } catch (error) {
      if (!signal.aborted) {
        logger.warn({ error: errorText(error) }, 'leading slots could not be looked for yet');
      }
    }
    await pause(clock, pauseMs, signal);
  }
}

class Sweep {
  readonly #options: LeaderSweepOptions;
  readonly #startedMs: number;
  #isGivenUp = false;

  constructor(options: LeaderSweepOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
  }

  /** Returns how many leading slots are left, and how many slots are still to be made from them. */
  async once(): Promise<{ readonly left: number; readonly missing: number }> {
    const { postgres, logger, switchLsn, signal } = this.#options;
    const connection = await connectPostgres({ ...postgres, signal });
    const sessions = new DatabaseSessions(postgres, () => undefined, signal);
    try {
      const leaders = await readLeadingSlots(connection, signal);
      const seen = await observePrimary(connection, signal);
      if (leaders.length === 0 || seen.inRecovery) {
        return { left: 0, missing: 0 };
      }
      const here = namesHere(seen);
      const remaking = switchLsn === undefined ? [] : this.#remaking();
      const plan = planLeaderSweep({ remaking, here, leaders, switchLsn: switchLsn ?? seen.flushLsn });
      for (const restore of plan.restores) {
        await this.#restore(sessions, restore);
      }
      const kept = leaders.length - plan.idle.length;
      const left =
        kept + (await dropLeaders(plan.idle, { sessions, mayDrop: () => Promise.resolve(), logger, signal }));
      return { left, missing: plan.restores.length };
    } finally {
      await Promise.allSettled([connection.close(), sessions.close()]);
    }
  }

  /** None after the time for it: they were reported as lost, and their subscribers have to start over. */
  #remaking(): readonly RemakingSlot[] {
    const { remaking, clock, logger } = this.#options;
    if (clock.monotonicMs() - this.#startedMs < KEPT_MS) {
      return remaking;
    }
    if (!this.#isGivenUp) {
      this.#isGivenUp = true;
      const slots = remaking.map(({ slot }) => slot);
      logger.error({ slots }, 'no missing slot is made from a leading one any more: it took too long');
    }
    return [];
  }

  async #restore(sessions: DatabaseSessions, { slot, leader, database, plugin }: SlotRestore): Promise<void> {
    const { logger, onRestored, signal } = this.#options;
    try {
      const names = { source: leader, target: slot, plugin, onPromoted: true };
      await copySlot(await sessions.get(database), names, signal);
      logger.warn({ slot, leader }, 'made a slot again that the hand-off could not make');
      onRestored(slot);
    } catch (error) {
      signal.throwIfAborted();
      const fields = { slot, leader, error: errorText(error) };
      logger.warn(fields, 'a missing slot could not be made yet from the leading one that is kept for it');
    }
  }
}
