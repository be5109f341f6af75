import {
  databaseKey,
  type Lsn,
  PROBE_PREFIX,
  type Probe,
  type SlotDatabase,
  type SlotName,
} from '@slotcast/domain';
import {
  createLogicalSlot,
  createTemporarySlot,
  type DatabaseSessions,
  endLeftSessions,
  type PostgresConnection,
} from '@slotcast/postgres';
import type { Doorbell } from '@slotcast/runtime';

interface RunningProbe {
  /** Name of the temporary slot. */
  readonly name: string;
  /** Where it is made; with its oid as soon as the session is there. */
  database: SlotDatabase;
  connection: PostgresConnection | undefined;
  consistentPoint: Lsn | undefined;
}

/**
 * Creations under way. Each has a connection of its own, because it may wait for a long transaction of the primary, and because any
 * error in a session drops its temporary slot.
 */
export class Creations {
  readonly #sessions: DatabaseSessions;
  readonly #doorbell: Doorbell;
  readonly #onMade: (slot: SlotName) => void;
  readonly #onFailure: (slot: SlotName, error: unknown) => void;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #probes = new Map<string, RunningProbe>();
  readonly #direct = new Set<SlotName>();
  readonly #running = new Set<Promise<void>>();
  #nextName = 1;

  constructor(options: {
    sessions: DatabaseSessions;
    doorbell: Doorbell;
    /** Called when the slot, or the temporary one that it is to be copied from, is there. */
    onMade: (slot: SlotName) => void;
    onFailure: (slot: SlotName, error: unknown) => void;
    signal: AbortSignal;
  }) {
    this.#sessions = options.sessions;
    this.#doorbell = options.doorbell;
    this.#onMade = options.onMade;
    this.#onFailure = options.onFailure;
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
  }

  /** Ends creations of an earlier process of this node, which was killed. They would hold their slots as long as they wait. */
  async endLeft(unproven: readonly SlotName[]): Promise<void> {
    const left = { prefix: PROBE_PREFIX, names: unproven };
    await endLeftSessions(await this.#sessions.main(), left, this.#signal);
  }

  /** Probes by `databaseKey`. */
  get probes(): ReadonlyMap<string, Probe> {
    const alive = [...this.#probes].filter(([, probe]) => probe.connection?.broken !== true);
    return new Map(alive.map(([key, { consistentPoint }]) => [key, { consistentPoint }]));
  }

  /** Slots that are being made under their real name. */
  get direct(): ReadonlySet<SlotName> {
    return this.#direct;
  }

  /** True while the server looks for a point where decoding may start, which takes running-xacts records of the primary. */
  get searching(): boolean {
    return (
      this.#direct.size > 0 || [...this.probes.values()].some((probe) => probe.consistentPoint === undefined)
    );
  }

  /** The temporary slot of a database, to copy from. */
  probeSlot(database: SlotDatabase): { readonly name: string; readonly database: SlotDatabase } | undefined {
    return this.#probes.get(databaseKey(database));
  }

  /** Starts to make a temporary slot; the bell rings when it is there. */
  startProbe(request: {
    slot: SlotName;
    database: SlotDatabase;
    plugin: string;
    taken: ReadonlySet<string>;
  }): void {
    const { slot, database, plugin, taken } = request;
    const probe: RunningProbe = {
      name: this.#freeName(taken),
      database,
      connection: undefined,
      consistentPoint: undefined,
    };
    const key = databaseKey(database);
    this.#probes.set(key, probe);
    this.#track(slot, async () => {
      try {
        const { connection, databaseOid } = await this.#sessions.openPrivate(database);
        probe.connection = connection;
        probe.database = { ...database, oid: databaseOid };
        const made = await createTemporarySlot(
          connection,
          { name: probe.name, plugin, onStandbyOnly: true },
          this.#signal,
        );
        probe.consistentPoint = made.consistentPoint;
      } catch (error) {
        await this.dropProbe(key);
        throw error;
      }
    });
  }

  /** Ends the session that holds the temporary slot, and with it the slot. */
  async dropProbe(key: string): Promise<void> {
    const probe = this.#probes.get(key);
    this.#probes.delete(key);
    await probe?.connection?.close();
  }

  /** Starts to make a two_phase slot under its real name. */
  startDirect(request: { slot: SlotName; database: SlotDatabase; plugin: string }): void {
    const { slot, database, plugin } = request;
    this.#direct.add(slot);
    this.#track(slot, async () => {
      try {
        const { connection } = await this.#sessions.openPrivate(database);
        try {
          await createLogicalSlot(
            connection,
            { name: slot, plugin, twoPhase: true, onStandbyOnly: true },
            this.#signal,
          );
        } finally {
          await connection.close();
        }
      } finally {
        this.#direct.delete(slot);
      }
    });
  }

  /** Ends everything that is under way: on a promoted server a slot must not be made that its consumer has not passed. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('no more slots are made'));
    await Promise.allSettled([...this.#probes.keys()].map((key) => this.dropProbe(key)));
    await Promise.allSettled(this.#running);
  }

  /** A killed predecessor's session may still hold its temporary slot for a moment. */
  #freeName(taken: ReadonlySet<string>): string {
    for (;;) {
      const name = `${PROBE_PREFIX}${this.#nextName}`;
      this.#nextName += 1;
      if (!taken.has(name)) {
        return name;
      }
    }
  }

  #track(slot: SlotName, work: () => Promise<void>): void {
    const running = work()
      .then(() => this.#onMade(slot))
      .catch((error: unknown) => {
        if (!this.#signal.aborted) {
          this.#onFailure(slot, error);
        }
      })
      .finally(() => {
        this.#running.delete(running);
        this.#doorbell.ring();
      });
    this.#running.add(running);
  }
}
