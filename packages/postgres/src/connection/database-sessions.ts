import type { SeenPlace, SlotDatabase } from '@slotcast/domain';
import { dropSlot } from '../queries/slot-drop.ts';
import { readSlotDatabase } from '../queries/slot-functions.ts';
import { connectPostgres, type PostgresConnection } from './connection.ts';
import { codeOf, DatabaseGoneError } from './connection-error.ts';
import type { PostgresOptions } from './connection-options.ts';
import { currentDatabase, readDatabaseName, readDatabaseOid } from './databases.ts';
import { silenceLog } from './session-settings.ts';
import { WalsenderPool } from './walsender-pool.ts';

/** Stands for the configured database. */
const MAIN = 'main';
/** How often a database is looked for under its present name, which may change while the connection is made. */
const NAME_ATTEMPTS = 3;
/** invalid_catalog_name: no database has this name. */
const NO_DATABASE = '3D000';

/** A session with the oid of its database, which never changes, whatever becomes of the name. */
export interface DatabaseSession {
  readonly connection: PostgresConnection;
  readonly databaseOid: number;
}

/**
 * One working connection per database of one server. A slot is touched only from a session of its own database: the server would allow
 * another one, and then a replayed `DROP DATABASE` would bring the standby down. Databases are told apart by their oids, as
 * their names can change at any time.
 */
export class DatabaseSessions {
  readonly #options: PostgresOptions;
  readonly #onLoud: (role: string) => void;
  readonly #signal: AbortSignal;
  readonly #sessions = new Map<number | typeof MAIN, Promise<DatabaseSession>>();
  readonly #walsenders: WalsenderPool;
  #quiet = true;
  #warned = false;

  /**
   * `onLoud` is called once, when the role turns out not to be allowed to keep the server's log quiet. `walsenderIdleMs`: how long a walsender
   * session stays open after its last use; a minute by default.
   */
  constructor(
    options: PostgresOptions,
    onLoud: (role: string) => void,
    signal: AbortSignal,
    walsenderIdleMs?: number,
  ) {
    this.#options = options;
    this.#onLoud = onLoud;
    this.#signal = signal;
    this.#walsenders = new WalsenderPool(
      async (oid) => (await this.#openByOid(oid, { replication: true })).connection,
      walsenderIdleMs,
    );
  }

  /** False when the role may not keep the server's log quiet: then advances have to be rare. */
  get quiet(): boolean {
    return this.#quiet;
  }

  /**
   * The database's working connection, made anew when the last one broke. Rejects with a DatabaseGoneError when the server has no such database,
   * with 55000 or 42501 when the database does not let the role in: then its slots cannot be touched.
   */
  async get(database: SlotDatabase): Promise<PostgresConnection> {
    const oid = await this.#oidOf(database);
    const main = await this.#mainSession();
    const session = main.databaseOid === oid ? main : await this.#reuse(oid, () => this.#openByOid(oid, {}));
    return session.connection;
  }

  /** A working connection to the configured database, for what touches no slot. */
  async main(): Promise<PostgresConnection> {
    return (await this.#mainSession()).connection;
  }

  /** A session of its own, for a creation; the caller closes it. */
  async openPrivate(database: SlotDatabase): Promise<DatabaseSession> {
    return this.#openByOid(await this.#oidOf(database), {});
  }

  /**
   * Lends the database's one walsender session to `work`, opened when there is none; others wait their turn. Rejects as `get` does, with 53300 when
   * all of max_wal_senders are in use, with 42501 or 28000 when the role gets none, and as `work` does.
   */
  async useWalsender<T>(
    database: SlotDatabase,
    work: (session: PostgresConnection) => Promise<T>,
  ): Promise<T> {
    return await this.#walsenders.use(await this.#oidOf(database), work);
  }

  /** A walsender session of its own, for a replication command on a slot; the caller closes it. */
  async openReplication(database: SlotDatabase): Promise<PostgresConnection> {
    return (await this.#openByOid(await this.#oidOf(database), { replication: true })).connection;
  }

  /**
   * Drops a logical slot from its own database, whichever that is now; from another one only when that database is gone. Rejects with a SlotMovedError when it does not stand
   * where it was `seen` any more.
   */
  async drop(slot: string, seen?: SeenPlace): Promise<void> {
    await dropSlot(await this.#sessionOf(slot), slot, this.#signal, seen);
  }

  async close(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    // One that could not be opened was reported to whoever asked for it.
    await Promise.allSettled([
      this.#walsenders.close(),
      ...sessions.map(async (session) => (await session).connection.close()),
    ]);
  }

  async #sessionOf(slot: string): Promise<PostgresConnection> {
    const main = await this.main();
    const oid = await readSlotDatabase(main, slot, this.#signal);
    if (oid === undefined) {
      return main;
    }
    try {
      return await this.get({ name: undefined, oid });
    } catch (error) {
      if (error instanceof DatabaseGoneError) {
        // The replayed catalog has no such database any more, so its removal was replayed, too, and cannot meet this drop.
        return main;
      }
      throw error;
    }
  }

  async #oidOf({ name, oid }: SlotDatabase): Promise<number> {
    if (oid !== undefined) {
      return oid;
    }
    const known = name && (await readDatabaseOid(await this.main(), name, this.#signal));
    if (!known) {
      throw new DatabaseGoneError(name === undefined ? 'of no name' : `named ${JSON.stringify(name)}`);
    }
    return known;
  }

  #mainSession(): Promise<DatabaseSession> {
    return this.#reuse(MAIN, () => this.#open({}));
  }

  async #reuse(key: number | typeof MAIN, open: () => Promise<DatabaseSession>): Promise<DatabaseSession> {
    for (;;) {
      const promised = this.#sessions.get(key) ?? open();
      this.#sessions.set(key, promised);
      try {
        const session = await promised;
        if (!session.connection.broken) {
          return session;
        }
        this.#forget(key, promised);
      } catch (error) {
        this.#forget(key, promised);
        throw error;
      }
    }
  }

  /** Somebody who waited for the same session may have opened the next one already. */
  #forget(key: number | typeof MAIN, session: Promise<DatabaseSession>): void {
    if (this.#sessions.get(key) === session) {
      this.#sessions.delete(key);
    }
  }

  /** A database is connected to by its name; the session tells whether that still was the name of the right one. */
  async #openByOid(oid: number, options: Partial<PostgresOptions>): Promise<DatabaseSession> {
    for (let attempt = 1; ; attempt += 1) {
      const database = await readDatabaseName(await this.main(), oid, this.#signal);
      if (database === undefined) {
        throw new DatabaseGoneError(`of oid ${oid}`);
      }
      try {
        const session = await this.#open({ ...options, database });
        if (session.databaseOid === oid) {
          return session;
        }
        await session.connection.close();
      } catch (error) {
        if (codeOf(error) !== NO_DATABASE || attempt === NAME_ATTEMPTS) {
          throw error;
        }
      }
      if (attempt === NAME_ATTEMPTS) {
        throw new Error(`the database of oid ${oid}, last named ${database}, was renamed again and again`);
      }
    }
  }

  async #open(options: Partial<PostgresOptions>): Promise<DatabaseSession> {
    const connection = await connectPostgres({ ...this.#options, ...options, signal: this.#signal });
    try {
      const quiet = await silenceLog(connection, this.#signal);
      this.#quiet &&= quiet;
      if (!quiet && !this.#warned) {
        this.#warned = true;
        this.#onLoud(connection.user);
      }
      const { oid } = await currentDatabase(connection, this.#signal);
      return { connection, databaseOid: oid };
    } catch (error) {
      await connection.close();
      throw error;
    }
  }
}
