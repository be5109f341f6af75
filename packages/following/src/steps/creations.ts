import {
  databaseKey,
  type Lsn,
  PROBE_PREFIX,
  type SlotDatabase,
  type SlotName,
  type WorkingSlot,
} from '@slotcast/domain';
import type { Doorbell } from '@slotcast/kernel';
import {
  createLogicalSlot,
  createTemporarySlot,
  type DatabaseSessions,
  endLeftSessions,
  type PostgresConnection,
} from '@slotcast/postgres';
import type { WorkingProbe } from '../standby-planner.ts';

/** What a temporary slot is made for and where. */
interface TemporaryRequest {
  /** The slot that is blamed when it cannot be made. */
  readonly slot: SlotName;
  readonly database: SlotDatabase;
  readonly plugin: string;
  /** Names of slots that exist. */
  readonly taken: ReadonlySet<string>;
}

/** A temporary slot, made or in the making. */
class TemporarySlot implements WorkingSlot {
  readonly name: string;
  readonly under: string | undefined;
  /** Where it is made; with its oid as soon as the session is there. */
  database: SlotDatabase;
  consistentPoint: Lsn | undefined;
  readonly #sessions: DatabaseSessions;
  readonly #stop = new AbortController();
  #connection: PostgresConnection | undefined;
  #settled: Promise<void> | undefined;

  constructor(options: {
    name: string;
    under?: string | undefined;
    database: SlotDatabase;
    sessions: DatabaseSessions;
  }) {
    this.name = options.name;
    this.under = options.under;
    this.database = options.database;
    this.#sessions = options.sessions;
  }

  get isAlive(): boolean {
    return this.#connection?.broken !== true;
  }

  get isEnded(): boolean {
    return this.#stop.signal.aborted;
  }

  make(plugin: string, outer: AbortSignal): Promise<void> {
    const made = this.#make(plugin, AbortSignal.any([outer, this.#stop.signal]));
    this.#settled = made.catch(() => this.#connection?.close());
    return made;
  }

  /** Ends the session, and with it the slot. A creation under way is cancelled: the server does not notice that nobody waits for it. */
  async end(): Promise<void> {
    this.#stop.abort(new Error('the temporary slot is not needed any more'));
    await this.#settled;
    await this.#connection?.close();
  }

  async #make(plugin: string, signal: AbortSignal): Promise<void> {
    const { connection, databaseOid } = await this.#sessions.openPrivate(this.database);
    this.#connection = connection;
    this.database = { ...this.database, oid: databaseOid };
    const made = await createTemporarySlot(
      connection,
      { name: this.name, plugin, onStandbyOnly: true },
      signal,
    );
    this.consistentPoint = made.consistentPoint;
  }
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
  readonly #probes = new Map<string, TemporarySlot>();
  #anchor: TemporarySlot | undefined;
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
  get probes(): ReadonlyMap<string, WorkingProbe> {
    return new Map([...this.#probes].filter(([, probe]) => probe.isAlive));
  }

  get anchor(): WorkingSlot | undefined {
    return this.#anchor?.isAlive === true ? this.#anchor : undefined;
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

  /** Starts to make the slot that has catalog rows held back; it does so from the beginning, long before it is consistent. */
  startAnchor(request: TemporaryRequest): void {
    this.dropAnchor();
    const anchor = this.#temporary(request);
    this.#anchor = anchor;
    this.#make(anchor, request, () => this.dropAnchor(anchor));
  }

  /** Starts to make the temporary slot of a database, `under` another one; the bell rings when it is there. */
  startProbe(request: TemporaryRequest & { readonly under: string }): void {
    const probe = this.#temporary(request);
    const key = databaseKey(request.database);
    this.#probes.set(key, probe);
    this.#make(probe, request, () => {
      if (this.#probes.get(key) === probe) {
        this.#probes.delete(key);
      }
    });
  }

  dropProbe(key: string): void {
    const probe = this.#probes.get(key);
    this.#probes.delete(key);
    this.#end(probe);
  }

  /** Drops the anchor, if it is still this one. */
  dropAnchor(anchor = this.#anchor): void {
    if (this.#anchor === anchor) {
      this.#anchor = undefined;
    }
    this.#end(anchor);
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

  /** Ends everything that is under way: on a promoted server a slot must not be made that its subscriber has not passed. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('no more slots are made'));
    [...this.#probes.keys()].forEach((key) => this.dropProbe(key));
    this.dropAnchor();
    await Promise.allSettled(this.#running);
  }

  #temporary(request: TemporaryRequest & { readonly under?: string }): TemporarySlot {
    const { database, under, taken } = request;
    return new TemporarySlot({ name: this.#freeName(taken), under, database, sessions: this.#sessions });
  }

  #make(temporary: TemporarySlot, { slot, plugin }: TemporaryRequest, onFailed: () => void): void {
    this.#track(
      slot,
      async () => {
        try {
          await temporary.make(plugin, this.#signal);
        } catch (error) {
          onFailed();
          throw error;
        }
      },
      () => temporary.isEnded,
    );
  }

  #end(temporary: TemporarySlot | undefined): void {
    if (temporary !== undefined) {
      const ending = temporary.end().finally(() => {
        this.#running.delete(ending);
        this.#doorbell.ring();
      });
      this.#running.add(ending);
    }
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

  /** `isEnded` tells that nobody is interested in how the work ends any more. */
  #track(slot: SlotName, work: () => Promise<void>, isEnded = (): boolean => false): void {
    const running = work()
      .then(() => this.#onMade(slot))
      .catch((error: unknown) => {
        if (!this.#signal.aborted && !isEnded()) {
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
