import {
  databaseOf,
  isInvalidated,
  isLogical,
  type LocalLogicalSlot,
  type LocalSlot,
  PROBE_PREFIX,
} from '@slotcast/domain';
import { type Clock, type Doorbell, errorFields, type Logger } from '@slotcast/kernel';
import { type DatabaseSessions, findLoadFailure } from '@slotcast/postgres';

/** How often the server is made to load each plugin. It takes a session and a few milliseconds. */
const CHECK_MS = 60_000;

/**
 * Has the server load the plugins of the copies here now and then. A library that was removed would else come to light at the first decoding, which is
 * after a promotion: an advance does not load it.
 */
export class PluginWatch {
  readonly #sessions: DatabaseSessions;
  readonly #doorbell: Doorbell;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #checkedAt = new Map<string, number>();
  #unloadable: ReadonlyMap<string, string> = new Map();
  #running: Promise<void> | undefined;

  constructor(options: {
    sessions: DatabaseSessions;
    doorbell: Doorbell;
    clock: Clock;
    logger: Logger;
    signal: AbortSignal;
  }) {
    this.#sessions = options.sessions;
    this.#doorbell = options.doorbell;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
  }

  /** Plugins that the server cannot load, with what it said. Another map after each change, as the next plan compares it with that of the last one. */
  get unloadable(): ReadonlyMap<string, string> {
    return this.#unloadable;
  }

  /** True while a check is under way; others may be due. */
  get isChecking(): boolean {
    return this.#running !== undefined;
  }

  /** Starts one check, when one is due. */
  look(slots: readonly LocalSlot[]): void {
    const sources = new Map(slots.filter(canBeCopied).map((slot) => [slot.plugin, slot]));
    for (const plugin of [...this.#checkedAt.keys()].filter((plugin) => !sources.has(plugin))) {
      this.#checkedAt.delete(plugin);
      this.#keep(plugin, undefined);
    }
    const now = this.#clock.monotonicMs();
    const due = [...sources].find(([plugin]) => now - (this.#checkedAt.get(plugin) ?? -Infinity) >= CHECK_MS);
    if (due !== undefined && this.#running === undefined) {
      const [plugin, source] = due;
      this.#checkedAt.set(plugin, now);
      this.#running = this.#check(plugin, source).finally(() => {
        this.#running = undefined;
        this.#doorbell.ring();
      });
    }
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('no more plugins are checked'));
    await this.#running;
  }

  /** Without an answer, as while no slot is free, what is known stays so. */
  async #check(plugin: string, source: LocalLogicalSlot): Promise<void> {
    try {
      const { connection } = await this.#sessions.openPrivate(databaseOf(source));
      try {
        const slots = { source: source.name, copy: `${PROBE_PREFIX}plugin`, plugin };
        this.#note(plugin, await findLoadFailure(connection, slots, this.#signal));
      } finally {
        await connection.close();
      }
    } catch (error) {
      if (!this.#signal.aborted) {
        this.#logger.debug({ plugin, ...errorFields(error, this.#logger) }, 'a plugin could not be checked');
      }
    }
  }

  #note(plugin: string, failure: string | undefined): void {
    const before = this.#unloadable.get(plugin);
    this.#keep(plugin, failure);
    if ((before === undefined) !== (failure === undefined)) {
      this.#logger[failure === undefined ? 'info' : 'error'](
        { plugin, failure },
        failure === undefined ? 'a plugin can be loaded again' : 'a plugin cannot be loaded any more',
      );
    }
  }

  #keep(plugin: string, failure: string | undefined): void {
    if (this.#unloadable.get(plugin) !== failure) {
      const others = [...this.#unloadable].filter(([known]) => known !== plugin);
      this.#unloadable = new Map(failure === undefined ? others : [...others, [plugin, failure]]);
    }
  }
}

function canBeCopied(slot: LocalSlot): slot is LocalLogicalSlot {
  const isWhole = slot.confirmedFlushLsn !== undefined && !isInvalidated(slot);
  return isLogical(slot) && isWhole && !slot.temporary && !slot.synced;
}
