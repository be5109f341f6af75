import type { LocalSlot, Lsn, SlotLimits, TimelineHistory, UnreadableSlot } from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';
import {
  connectPostgres,
  observeStandby,
  outputPluginLibraries,
  type PostgresConnection,
  type PostgresOptions,
  ReplayedHistory,
  readOldestWal,
  readReplayLsn,
  readServerIdentity,
  readStandbySettings,
  type ServerIdentity,
  type StandbySettings,
  standbyMemory,
} from '@slotcast/postgres';

/** How long settings and the WAL receiver's state may be old. */
const SETTINGS_MS = 2000;
/** The same for the list of WAL files, which may be long. */
const WAL_FILES_MS = 30_000;

/** What the server is set to, and what it streams from. */
export interface ServerSettings extends StandbySettings {
  /** Physical slot that the standby streams from; the configured one while it does not stream. */
  readonly primarySlotName: string | undefined;
  /** Host and port that it streams from. */
  readonly upstream: string | undefined;
  readonly outputPluginLibraries: readonly string[] | undefined;
  readonly slotLimits: SlotLimits;
}

/** One look at the standby. */
export interface StandbyView {
  readonly replayLsn: Lsn;
  readonly receiveLsn: Lsn | undefined;
  readonly slots: readonly LocalSlot[];
  /** Slots whose rows cannot be right. */
  readonly unreadable: readonly UnreadableSlot[];
  readonly history: TimelineHistory;
  readonly settings: ServerSettings;
}

/** This node's own server while it is in recovery. */
export class StandbyServer {
  readonly #connection: PostgresConnection;
  readonly #replication: PostgresConnection;
  readonly #history: ReplayedHistory;
  readonly #clock: Clock;
  readonly #memory = standbyMemory();
  /** Of the server that these connections are to: it cannot change while they last. */
  readonly identity: ServerIdentity;
  #oldestWal: { readonly readAt: number; readonly value: Lsn | undefined } | undefined;
  #settings: { readonly readAt: number; readonly value: ServerSettings } | undefined;

  private constructor(
    connections: { readonly connection: PostgresConnection; readonly replication: PostgresConnection },
    history: ReplayedHistory,
    clock: Clock,
    identity: ServerIdentity,
  ) {
    this.#connection = connections.connection;
    this.#replication = connections.replication;
    this.#history = history;
    this.#clock = clock;
    this.identity = identity;
  }

  static async connect(options: PostgresOptions, clock: Clock, signal: AbortSignal): Promise<StandbyServer> {
    const connection = await connectPostgres({ ...options, signal });
    let replication: PostgresConnection | undefined;
    try {
      replication = await connectPostgres({ ...options, replication: true, signal });
      const history = await ReplayedHistory.of(connection, replication, signal);
      const identity = await readServerIdentity(connection, signal);
      return new StandbyServer({ connection, replication }, history, clock, identity);
    } catch (error) {
      await Promise.all([connection.close(), replication?.close()]);
      throw error;
    }
  }

  /** The history of the timeline that the server replayed when it was looked at last. */
  get history(): TimelineHistory | undefined {
    return this.#history.last;
  }

  /** The session that looks, which outlives the promotion of the server. */
  get connection(): PostgresConnection {
    return this.#connection;
  }

  /** The walsender session, which outlives the promotion of the server. */
  get walsender(): PostgresConnection {
    return this.#replication;
  }

  /** `undefined` once the server is no longer in recovery. */
  async look(signal: AbortSignal): Promise<StandbyView | undefined> {
    const seen = await observeStandby(this.#connection, signal, this.#memory);
    if (!seen.inRecovery) {
      return undefined;
    }
    const history = await this.#history.at(seen.replayLsn, signal);
    return history === undefined
      ? undefined
      : { ...seen, history, settings: await this.#readSettings(signal) };
  }

  /** Up to where WAL is replayed; `undefined` once the server is no longer in recovery. */
  replayed(signal: AbortSignal): Promise<Lsn | undefined> {
    return readReplayLsn(this.#connection, signal);
  }

  async close(): Promise<void> {
    await Promise.all([this.#connection.close(), this.#replication.close()]);
  }

  async #readSettings(signal: AbortSignal): Promise<ServerSettings> {
    const now = this.#clock.monotonicMs();
    if (this.#settings === undefined || now - this.#settings.readAt >= SETTINGS_MS) {
      const settings = await readStandbySettings(this.#connection, signal);
      const libraries = await outputPluginLibraries(this.#connection, signal);
      const { walReceiver } = settings;
      const value = {
        ...settings,
        primarySlotName: walReceiver === undefined ? settings.primarySlotName : walReceiver.slotName,
        upstream:
          walReceiver === undefined ? undefined : `${walReceiver.senderHost}:${walReceiver.senderPort}`,
        outputPluginLibraries: libraries,
        slotLimits: { ...settings.slotLimits, oldestWalLsn: await this.#readOldestWal(signal) },
      };
      this.#settings = { readAt: now, value };
    }
    return this.#settings.value;
  }

  async #readOldestWal(signal: AbortSignal): Promise<Lsn | undefined> {
    const now = this.#clock.monotonicMs();
    if (this.#oldestWal === undefined || now - this.#oldestWal.readAt >= WAL_FILES_MS) {
      this.#oldestWal = { readAt: now, value: await readOldestWal(this.#connection, signal) };
    }
    return this.#oldestWal.value;
  }
}
