import { pause, systemClock } from '@slotcast/kernel';
import { connectPostgres, type PostgresConnection } from '@slotcast/postgres';
import { Application } from './application.ts';
import { ORDERS_TABLE } from './shop.ts';

const PAUSE_BETWEEN_ROWS_MS = 4;

/**
 * Inserts rows one after the other, each in a transaction of its own, under numbers that it never uses twice: a row whose commit
 * was not acknowledged may or may not be there, and is not tried again.
 */
export class Writer {
  readonly application: Application;
  #lastNumber = 0;
  #acknowledged = 0;

  constructor(url: string) {
    this.application = new Application({
      name: 'the writer',
      url,
      session: (url, signal) => this.#write(url, signal),
    });
  }

  /** How many rows were acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The number of the row that was begun last. */
  get lastNumber(): number {
    return this.#lastNumber;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.application.stop();
  }

  async #write(url: string, signal: AbortSignal): Promise<void> {
    const connection = await connectPostgres({ url, applicationName: 'demo-writer', signal });
    try {
      while (!signal.aborted) {
        await this.#insertRow(connection);
        await pause(systemClock, PAUSE_BETWEEN_ROWS_MS, signal);
      }
    } finally {
      await connection.close();
    }
  }

  async #insertRow(connection: PostgresConnection): Promise<void> {
    this.#lastNumber += 1;
    const values = [this.#lastNumber];
    await connection.run({ name: 'insert', text: `insert into ${ORDERS_TABLE} (id) values ($1)`, values });
    this.#acknowledged += 1;
  }
}
