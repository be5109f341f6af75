import { setTimeout as sleep } from 'node:timers/promises';
import type { Lsn } from '@slotcast/domain';
import { subscribe } from '@slotcast/postgres';
import type { PostgresServer } from '@slotcast/testkit';

const RECONNECT_MS = 20;

/** A subscriber that never gives up: it reconnects at once, wherever it is sent, whatever the server says. */
export class StubbornSubscriber {
  readonly slot: string;
  /** Numbers of all rows that have arrived, from any server. */
  readonly received = new Set<number>();
  readonly #remembers: boolean;
  readonly #stop = new AbortController();
  readonly #working: Promise<void>;
  #server: PostgresServer;
  #session = new AbortController();
  /** The last commit that was processed. */
  #position: Lsn | undefined;
  #lastError = '';
  /** Rows that were missing before. */
  readonly #missed = new Set<number>();

  constructor(options: {
    readonly server: PostgresServer;
    readonly slot: string;
    readonly remembers: boolean;
  }) {
    this.slot = options.slot;
    this.#remembers = options.remembers;
    this.#server = options.server;
    this.#working = this.#work();
  }

  /** What the server said to it last, if it refused or ended a session. */
  get lastError(): string {
    return this.#lastError;
  }

  /** Which of these rows have not arrived; each is told of once. */
  newlyMissing(rows: readonly number[]): readonly number[] {
    const missing = rows.filter((row) => !this.received.has(row) && !this.#missed.has(row));
    missing.forEach((row) => this.#missed.add(row));
    return missing;
  }

  moveTo(server: PostgresServer): void {
    this.#server = server;
    this.#session.abort();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#session.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#session = new AbortController();
      const startLsn = this.#remembers ? this.#position : undefined;
      try {
        await subscribe({
          connection: { ...this.#server.connectionOptions(), applicationName: `chaos-${this.slot}` },
          slot: this.slot,
          publication: 'everything',
          acknowledgeEveryMs: 10,
          ...(startLsn === undefined ? {} : { startLsn }),
          onRow: ({ row, commitLsn }) => {
            this.received.add(Number(row['id']));
            this.#position = commitLsn;
          },
          signal: this.#session.signal,
        });
      } catch (error) {
        // Whatever it is, such a program tries again; the verdict goes by what has arrived.
        this.#lastError = error instanceof Error ? error.message : String(error);
      }
      await sleep(RECONNECT_MS);
    }
  }
}
