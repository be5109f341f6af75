import { setTimeout as sleep } from 'node:timers/promises';
import { type Lsn, parseLsn } from '@slotcast/domain';
import type { PostgresConnection } from '@slotcast/postgres';
import type { PostgresServer } from '@slotcast/testkit';
import { openSession } from '../cluster/bench-session.ts';
import type { Move } from '../cluster/subscribers.ts';
import { type Distribution, summarize } from './distribution.ts';

const POLL_INTERVAL_MS = 4;
/** The pause after a look is at least this many times as long as the look, so that watching many slots does not itself load the standby. */
const PAUSE_PER_LOOK = 5;

/** Looks again and again at the slots of one standby on a connection of its own, and notes when each move has arrived. */
export class PositionWatch {
  readonly #connection: PostgresConnection;
  readonly #stop = new AbortController();
  readonly #lags: number[] = [];
  readonly #intervals: number[] = [];
  #outstanding: Move[] = [];
  #watching: Promise<void> = Promise.resolve();
  #failure: Error | undefined;

  private constructor(connection: PostgresConnection) {
    this.#connection = connection;
  }

  /** Connects and looks once, so that the first measured look is no slower than the others. */
  static async open(standby: PostgresServer): Promise<PositionWatch> {
    const connection = await openSession(standby);
    const watch = new PositionWatch(connection);
    await watch.#look();
    watch.#watching = watch.#run().catch((error: unknown) => {
      watch.#failure = error instanceof Error ? error : new Error(String(error));
    });
    return watch;
  }

  /** From now on waits for this move to arrive. */
  expect(move: Move): void {
    this.#outstanding.push(move);
  }

  /** Waits until every expected move has arrived. Those that have not when the time is over count with their age; returns their number. */
  async allArrived(timeoutMs: number): Promise<number> {
    const deadline = performance.now() + timeoutMs;
    while (this.#outstanding.length > 0 && performance.now() < deadline) {
      if (this.#failure !== undefined) {
        throw this.#failure;
      }
      await sleep(10);
    }
    const late = this.#outstanding;
    this.#outstanding = [];
    this.#lags.push(...late.map(({ movedAt }) => performance.now() - movedAt));
    return late.length;
  }

  /** Milliseconds from the subscriber's confirmation to the answer of the first look that found the position there. */
  get lags(): Distribution {
    return summarize(this.#lags);
  }

  /** Milliseconds between the answers of two looks while a move was expected: the resolution of the lags. */
  get resolution(): Distribution {
    return summarize(this.#intervals.length === 0 ? [POLL_INTERVAL_MS] : this.#intervals);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    await this.#connection.close();
  }

  async #run(): Promise<void> {
    let lastAt: number | undefined;
    while (!this.#stop.signal.aborted) {
      if (this.#outstanding.length === 0) {
        lastAt = undefined;
        await sleep(1);
        continue;
      }
      const startedAt = performance.now();
      const positions = await this.#look();
      const answeredAt = performance.now();
      this.#take(positions, answeredAt);
      if (lastAt !== undefined) {
        this.#intervals.push(answeredAt - lastAt);
      }
      lastAt = answeredAt;
      const lookMs = answeredAt - startedAt;
      await sleep(Math.ceil(Math.max(POLL_INTERVAL_MS - lookMs, lookMs * PAUSE_PER_LOOK)));
    }
  }

  async #look(): Promise<ReadonlyMap<string, Lsn>> {
    const rows = await this.#connection.run<{ slot_name: string; position: string }>({
      name: 'look',
      text: `select slot_name::text, confirmed_flush_lsn::text as position from pg_get_replication_slots()
              where slot_name = any($1::name[]) and confirmed_flush_lsn is not null`,
      values: [[...new Set(this.#outstanding.map(({ slot }) => slot))]],
    });
    return new Map(rows.map((row) => [row.slot_name, parseLsn(row.position)]));
  }

  #take(positions: ReadonlyMap<string, Lsn>, seenAt: number): void {
    this.#outstanding = this.#outstanding.filter(({ slot, position, movedAt }) => {
      const here = positions.get(slot);
      if (here === undefined || here < position) {
        return true;
      }
      this.#lags.push(seenAt - movedAt);
      return false;
    });
  }
}
