import type { Lsn } from '@slotcast/domain';
import { subscribe } from '@slotcast/postgres';
import { type PostgresServer, waitUntil } from '@slotcast/testkit';

/** What readers of these tests read. */
const PUBLICATION = 'everything';

/** Makes the table of numbered rows and the publication. */
export async function createRows(server: PostgresServer, database = 'postgres'): Promise<void> {
  await server.query('create table numbers (id int primary key)', [], database);
  await server.query(`create publication ${PUBLICATION} for all tables`, [], database);
}

/** Inserts the rows `from` to `to`, each in a transaction of its own. */
export async function insertRows(
  server: PostgresServer,
  from: number,
  to: number,
  database = 'postgres',
): Promise<void> {
  for (let id = from; id <= to; id += 1) {
    await server.query('insert into numbers values ($1)', [id], database);
  }
}

/** A subscriber of one slot that notes which rows arrive, and confirms them at once. */
export class SlotReader {
  readonly received = new Set<number>();
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #failure: Error | undefined;

  constructor(options: { server: PostgresServer; slot: string; database?: string; startLsn?: Lsn }) {
    const { server, slot, database, startLsn } = options;
    this.#ended = subscribe({
      connection: { ...server.connectionOptions(database), applicationName: `reader-${slot}` },
      slot,
      publication: PUBLICATION,
      acknowledgeEveryMs: 10,
      onRow: ({ row }) => {
        this.received.add(Number(row['id']));
      },
      ...(startLsn === undefined ? {} : { startLsn }),
      signal: this.#stop.signal,
    }).catch((error: unknown) => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    });
  }

  /** Waits until all these rows have arrived. Throws what ended the reader before that. */
  async until(ids: readonly number[]): Promise<void> {
    await waitUntil(
      () => {
        if (this.#failure !== undefined) {
          throw this.#failure;
        }
        return ids.every((id) => this.received.has(id));
      },
      { describe: () => `rows ${ids.filter((id) => !this.received.has(id)).join(', ')}` },
    );
  }

  /** Stops and confirms what has arrived. Returns the error that had ended it before, if one did. */
  async stop(): Promise<Error | undefined> {
    this.#stop.abort();
    await this.#ended;
    return this.#failure;
  }
}

/** A writer that inserts one row after the other until it is stopped, or its server goes away. */
export class Load {
  /** The highest number whose insert was acknowledged. */
  last: number;
  readonly #stop = new AbortController();
  readonly #writing: Promise<void>;

  constructor(server: PostgresServer, options: { from: number; database?: string }) {
    this.last = options.from - 1;
    this.#writing = this.#write(server, options.database ?? 'postgres');
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#writing;
  }

  async #write(server: PostgresServer, database: string): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await insertRows(server, this.last + 1, this.last + 1, database);
        this.last += 1;
      } catch (error) {
        // 57P0x: the server is going down. Any other complaint of the server is the test's fault.
        if (isComplaint(error)) {
          throw error;
        }
        return;
      }
    }
  }
}

function isComplaint(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('57P0');
}
