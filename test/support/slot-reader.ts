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

/** A logical consumer of one slot that notes which rows arrive, and confirms them at once. */
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
