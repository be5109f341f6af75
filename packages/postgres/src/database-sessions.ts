import { connectPostgres, type PostgresConnection } from './connection.ts';
import type { PostgresOptions } from './connection-options.ts';
import { silenceLog } from './session-settings.ts';

/** Stands for the configured database; no database has an empty name. */
const MAIN = '';

/**
 * One working connection per database. A slot is touched only from a connection to its own database: the server would allow
 * another one, and then a replayed DROP DATABASE would bring the standby down.
 */
export class DatabaseSessions {
  readonly #options: PostgresOptions;
  readonly #onLoud: (role: string) => void;
  readonly #signal: AbortSignal;
  readonly #sessions = new Map<string, Promise<PostgresConnection>>();
  #quiet = true;
  #warned = false;

  /** `onLoud` is called once, when the role turns out not to be allowed to keep the server's log quiet. */
  constructor(options: PostgresOptions, onLoud: (role: string) => void, signal: AbortSignal) {
    this.#options = options;
    this.#onLoud = onLoud;
    this.#signal = signal;
  }

  /** False when the role may not keep the server's log quiet: then advances have to be rare. */
  get quiet(): boolean {
    return this.#quiet;
  }

  /** The database's working connection, made anew when the last one broke. */
  async get(database: string): Promise<PostgresConnection> {
    const known = this.#sessions.get(database);
    if (known !== undefined) {
      const connection = await known;
      if (!connection.broken) {
        return connection;
      }
      this.#sessions.delete(database);
    }
    const fresh = this.#open(database);
    this.#sessions.set(database, fresh);
    try {
      return await fresh;
    } catch (error) {
      this.#sessions.delete(database);
      throw error;
    }
  }

  /** A working connection to the configured database, for what may be done from anywhere. */
  main(): Promise<PostgresConnection> {
    return this.get(MAIN);
  }

  /** A connection of its own, for a creation; the caller closes it. */
  openPrivate(database: string): Promise<PostgresConnection> {
    return this.#open(database);
  }

  async close(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    // One that could not be opened was reported to whoever asked for it.
    await Promise.allSettled(sessions.map(async (session) => (await session).close()));
  }

  async #open(database: string): Promise<PostgresConnection> {
    const place = database === MAIN ? {} : { database };
    const connection = await connectPostgres({ ...this.#options, ...place, signal: this.#signal });
    try {
      const quiet = await silenceLog(connection, this.#signal);
      this.#quiet &&= quiet;
      if (!quiet && !this.#warned) {
        this.#warned = true;
        this.#onLoud(connection.user);
      }
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }
}
