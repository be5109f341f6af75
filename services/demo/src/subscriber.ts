import { type ReceivedRow, subscribe } from '@slotcast/postgres';
import { Application } from './application.ts';
import { ReceivedRows } from './received-rows.ts';
import { PUBLICATION } from './shop.ts';

/** A subscriber by pg-logical-replication that notes what it receives, and starts where its slot stands. */
export class Subscriber {
  readonly slot: string;
  readonly rows = new ReceivedRows();
  readonly application: Application;

  constructor(slot: string, url: string) {
    this.slot = slot;
    this.application = new Application({
      name: `the subscriber of slot ${slot}`,
      url,
      session: (url, signal) =>
        subscribe({
          connection: { url, applicationName: `demo-${slot}` },
          slot,
          publication: PUBLICATION,
          onRow: (row) => this.#take(row),
          signal,
        }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.application.stop();
  }

  #take({ row }: ReceivedRow): void {
    const monotonicMs = performance.now();
    const now = performance.timeOrigin + monotonicMs;
    this.rows.take(
      { number: Number(row['id']), writtenAtUs: Number(row['written_at_us']) },
      { now, monotonicMs },
    );
  }
}
