import { type HandOffPlan, type Quarantine, type SlotName } from '@slotcast/domain';
import {
  advanceSlots,
  classifyPostgresError,
  copySlot,
  type DatabaseSessions,
  describePostgresError,
  dropSlot,
  isPostgresError,
  type PostgresConnection,
  setFailoverProperty,
} from '@slotcast/postgres';
import { errorText, type Logger } from '@slotcast/runtime';

/** Slots in one statement. */
const CHUNK = 25;
/** duplicate_object */
const EXISTS = '42710';
/** object_in_use */
const IN_USE = '55006';

type Advance = HandOffPlan['advances'][number];

/** Carries out the steps of a hand-off on the promoted server. A step that fails is reported and leaves the others alone. */
export class SlotMover {
  readonly #sessions: DatabaseSessions;
  readonly #replication: PostgresConnection;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;

  constructor(options: {
    sessions: DatabaseSessions;
    replication: PostgresConnection;
    logger: Logger;
    signal: AbortSignal;
  }) {
    this.#sessions = options.sessions;
    this.#replication = options.replication;
    this.#logger = options.logger;
    this.#signal = options.signal;
  }

  /** Carries out a plan; returns the slots that could not be quarantined. */
  async run(plan: HandOffPlan): Promise<ReadonlySet<SlotName>> {
    const failed = new Set<SlotName>();
    for (const quarantine of plan.quarantines) {
      if (!(await this.#try(quarantine.slot, 'quarantine', () => this.#quarantine(quarantine)))) {
        failed.add(quarantine.slot);
      }
    }
    for (const { slot, reason } of plan.drops) {
      await this.#try(slot, 'drop', async () => {
        await dropSlot(await this.#sessions.main(), slot, this.#signal);
        this.#logger.error({ slot, reason }, 'dropped a slot that was not safe to use at the promotion');
      });
    }
    const databases = [...new Set(plan.advances.map(({ database }) => database))];
    await Promise.all(
      databases.map((database) =>
        this.#advanceAll(
          database,
          plan.advances.filter((advance) => advance.database === database),
        ),
      ),
    );
    for (const slot of plan.failovers) {
      await this.#try(slot, 'set failover', () => setFailoverProperty(this.#replication, slot, this.#signal));
    }
    return failed;
  }

  async #advanceAll(database: string, advances: readonly Advance[]): Promise<void> {
    for (let start = 0; start < advances.length; start += CHUNK) {
      const chunk = advances.slice(start, start + CHUNK);
      if (!(await this.#advanceTogether(database, chunk))) {
        for (const advance of chunk) {
          await this.#try(advance.slot, 'advance', () => this.#advance(database, [advance]));
        }
      }
    }
  }

  /** False when a slot of the chunk stood in the way of the others. */
  async #advanceTogether(database: string, chunk: readonly Advance[]): Promise<boolean> {
    try {
      await this.#advance(database, chunk);
      return true;
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#logger.debug({ database, error: errorText(error) }, 'advancing slots one by one');
      return false;
    }
  }

  async #advance(database: string, chunk: readonly Advance[]): Promise<void> {
    const targets = chunk.map(({ slot, target }) => ({ name: slot, target }));
    await advanceSlots(await this.#sessions.get(database), targets, this.#signal);
  }

  /**
   * A copy that an earlier attempt made is kept: it holds the older positions. One that was made in vain, because the slot is in use, is
   * taken back: nobody would know of it, and it would hold back WAL.
   */
  async #quarantine({ slot, copy, database, plugin }: Quarantine): Promise<void> {
    const connection = await this.#sessions.get(database);
    const isNew = await this.#copy(connection, { source: slot, target: copy, plugin });
    try {
      await dropSlot(connection, slot, this.#signal);
    } catch (error) {
      if (isNew && hasCode(error, IN_USE)) {
        await dropSlot(connection, copy, this.#signal);
      }
      throw error;
    }
    this.#logger.error(
      { slot, copy },
      'quarantined a slot: its consumer has confirmed WAL that this server never had',
    );
  }

  /** False when there is a slot of that name already. */
  async #copy(
    connection: PostgresConnection,
    names: { readonly source: SlotName; readonly target: SlotName; readonly plugin: string },
  ): Promise<boolean> {
    try {
      await copySlot(connection, names, this.#signal);
      return true;
    } catch (error) {
      if (hasCode(error, EXISTS)) {
        return false;
      }
      throw error;
    }
  }

  /** False when it failed. A slot that its consumer uses already, or that is further on, is none of a hand-off's business. */
  async #try(slot: SlotName, step: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#signal.throwIfAborted();
      const known = isPostgresError(error);
      const stale = known && classifyPostgresError(error).class === 'stale';
      const said = known ? describePostgresError(error) : errorText(error);
      this.#logger[stale ? 'info' : 'error'](
        { slot, step, error: said },
        'a step of the hand-off was not done',
      );
      return false;
    }
  }
}

function hasCode(error: unknown, code: string): boolean {
  return isPostgresError(error) && classifyPostgresError(error).code === code;
}
