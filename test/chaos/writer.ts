import { setTimeout as sleep } from 'node:timers/promises';
import { type PostgresServer, waitUntil } from '@slotcast/testkit';

const PAUSE_MS = 10;
/**
 * Bytes of WAL beside each row. A new primary writes some kB before its first commit ends, most of it images of pages: a subscriber that is ahead by less than that skips nothing whatever is
 * done, and such a history shows nothing.
 */
const FILLER_BYTES = 4000;

/** An application that writes one row after the other, where it is sent, and goes on when a write fails. */
export class RowWriter {
  readonly #stop = new AbortController();
  readonly #writing: Promise<void>;
  #server: PostgresServer | undefined;
  /** The last number that was tried. */
  #last = 0;
  #isBusy = false;
  #lastError: unknown;

  constructor(server: PostgresServer) {
    this.#server = server;
    this.#writing = this.#write();
  }

  /** Why the last write that failed did so. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /** Writes nowhere until it is sent somewhere else. */
  rest(): void {
    this.#server = undefined;
  }

  moveTo(server: PostgresServer): void {
    this.#server = server;
  }

  /** Rests, and writes one more row on the server, which has to take it; returns its number. */
  async writeLast(server: PostgresServer): Promise<number> {
    this.rest();
    await waitUntil(() => !this.#isBusy, { describe: 'the end of the last write', intervalMs: PAUSE_MS });
    this.#last += 1;
    await insertRow(server, this.#last);
    return this.#last;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const server = this.#server;
      if (server !== undefined) {
        this.#last += 1;
        this.#isBusy = true;
        await Promise.race([this.#insert(server), this.#gone(server)]);
        this.#isBusy = false;
      }
      await sleep(PAUSE_MS);
    }
  }

  /** A row that a server refuses is never written: it is no loss. */
  async #insert(server: PostgresServer): Promise<void> {
    try {
      await insertRow(server, this.#last);
    } catch (error) {
      this.#lastError = error;
    }
  }

  /** Resolves when the server is not written to any more, as one that is frozen never answers. */
  async #gone(server: PostgresServer): Promise<void> {
    while (this.#server === server && !this.#stop.signal.aborted) {
      await sleep(PAUSE_MS);
    }
  }
}

async function insertRow(server: PostgresServer, id: number): Promise<void> {
  await server.query(
    `insert into numbers select $1::int from (select pg_logical_emit_message(true, 'filler', repeat('x', $2))) as filler`,
    [id, FILLER_BYTES],
  );
}
