import type { PostgresConnection } from './connection.ts';

/** How long a session stays open after its last use. */
const IDLE_MS = 60_000;

interface Entry {
  /** Ends when the last use that was asked for has ended. */
  turn: Promise<void>;
  /** Uses that were asked for and have not ended. */
  uses: number;
  session: PostgresConnection | undefined;
  idle: NodeJS.Timeout | undefined;
}

/**
 * Walsender sessions, at most one per database: made on demand, kept for the next use, and closed when there was none for a while, as
 * `max_wal_senders` is small and others need them.
 */
export class WalsenderPool {
  readonly #open: (databaseOid: number) => Promise<PostgresConnection>;
  readonly #idleMs: number;
  readonly #entries = new Map<number, Entry>();

  constructor(open: (databaseOid: number) => Promise<PostgresConnection>, idleMs = IDLE_MS) {
    this.#open = open;
    this.#idleMs = idleMs;
  }

  /**
   * Lends the session of a database to `work`. Others wait for their turn. Rejects as opening it or `work` did; a session with which `work` failed
   * is in an unknown state, and closed.
   */
  async use<T>(databaseOid: number, work: (session: PostgresConnection) => Promise<T>): Promise<T> {
    const entry = this.#entryOf(databaseOid);
    clearTimeout(entry.idle);
    entry.uses += 1;
    const result = entry.turn.then(() => this.#run(databaseOid, entry, work));
    entry.turn = result.then(
      () => this.#release(entry),
      () => this.#release(entry),
    );
    return await result;
  }

  /** Closes all sessions that are open; those in use are cut off. */
  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    entries.forEach((entry) => clearTimeout(entry.idle));
    await Promise.all(entries.map(async (entry) => entry.session?.close()));
  }

  #entryOf(databaseOid: number): Entry {
    const entry = this.#entries.get(databaseOid) ?? {
      turn: Promise.resolve(),
      uses: 0,
      session: undefined,
      idle: undefined,
    };
    this.#entries.set(databaseOid, entry);
    return entry;
  }

  async #run<T>(
    databaseOid: number,
    entry: Entry,
    work: (session: PostgresConnection) => Promise<T>,
  ): Promise<T> {
    const session = await this.#sessionOf(databaseOid, entry);
    try {
      return await work(session);
    } catch (error) {
      this.#discard(entry);
      throw error;
    }
  }

  async #sessionOf(databaseOid: number, entry: Entry): Promise<PostgresConnection> {
    if (entry.session?.broken === true) {
      entry.session = undefined;
    }
    const session = entry.session ?? (await this.#open(databaseOid));
    if (this.#entries.get(databaseOid) !== entry) {
      await session.close();
      throw new Error('the walsender sessions were closed');
    }
    entry.session = session;
    return session;
  }

  #release(entry: Entry): void {
    entry.uses -= 1;
    if (entry.uses === 0 && entry.session !== undefined) {
      entry.idle = setTimeout(() => this.#discard(entry), this.#idleMs);
      entry.idle.unref();
    }
  }

  /** Nobody waits for the goodbye: a server that does not answer would hold up the next use. */
  #discard(entry: Entry): void {
    const { session } = entry;
    entry.session = undefined;
    void session?.close().catch(() => undefined);
  }
}
