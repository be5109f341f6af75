import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatLsn, type Lsn, parseLsn } from '@slotcast/domain';
import type { PostgresConnection } from '@slotcast/postgres';
import type { PostgresServer } from '@slotcast/testkit';
import { openSession } from './bench-session.ts';

/** As often as the publisher has a running-xacts record logged; restart_lsn moves from record to record. */
const STEP_BYTES = 64n * 1024n * 1024n;
/** Transactions of the load last less. What was open at one record keeps restart_lsn before it until the next. */
const TRANSACTIONS_MS = 100;
const LOWEST_PRIORITY = 19;
const PAUSE_MS = 250;
/** object_in_use: the slot is being moved. */
const IN_USE = '55006';

/** Two running-xacts records, so that decoding up to the second moves restart_lsn to the first. */
interface Records {
  readonly first: Lsn;
  readonly second: Lsn;
}

/**
 * Has restart_lsn of the primary's slots follow, as the subscribers' own decoding does. After each step of WAL all slots are decoded up to where they stand, the one
 * that is furthest behind first, until one gains nothing: then a transaction is open, which holds back all. That costs the primary all WAL
 * for each of the slots, as real subscribers do; its session has the lowest priority, so that it takes what everybody else leaves.
 */
export class DecodingSubscribers {
  readonly #session: PostgresConnection;
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;
  #failure: Error | undefined;

  private constructor(session: PostgresConnection) {
    this.#session = session;
    this.#following = this.#follow().catch((error: unknown) => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    });
  }

  static async start(primary: PostgresServer): Promise<DecodingSubscribers> {
    const session = await openSession(primary, { role: 'bench_decoding' });
    try {
      setPriority(session.processId, LOWEST_PRIORITY);
      return new DecodingSubscribers(session);
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** Throws what ended it before. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#following;
    await this.#session.close();
    if (this.#failure !== undefined) {
      throw new Error(`the decoding subscribers ended: ${this.#failure.message}`, { cause: this.#failure });
    }
  }

  async #follow(): Promise<void> {
    let records = await this.#log();
    let isHeld = false;
    while (!this.#stop.signal.aborted) {
      if ((await this.#end()) - records.second >= STEP_BYTES) {
        records = await this.#log();
        isHeld = false;
      }
      const outcome: string = isHeld ? 'none' : await this.#decodeOne(records);
      isHeld = isHeld || outcome === 'held';
      if (outcome === 'none') {
        await sleep(PAUSE_MS);
      }
    }
  }

  async #end(): Promise<Lsn> {
    return this.#lsn('select pg_current_wal_insert_lsn()::text as lsn');
  }

  async #log(): Promise<Records> {
    const first = await this.#lsn('select pg_log_standby_snapshot()::text as lsn');
    await sleep(TRANSACTIONS_MS);
    return { first, second: await this.#lsn('select pg_log_standby_snapshot()::text as lsn') };
  }

  async #lsn(text: string): Promise<Lsn> {
    const [row] = await this.#session.run<{ lsn: string }>({ text });
    return parseLsn(row?.lsn ?? '');
  }

  /** `none` when no slot has got as far as the records and is behind them, or the one that is was in use. */
  async #decodeOne({ first, second }: Records): Promise<'moved' | 'held' | 'none'> {
    try {
      const [row] = await this.#session.run<{ before: string; after: string }>(
        {
          name: 'decode',
          text: `with furthest as materialized (
                   select slot_name, restart_lsn, confirmed_flush_lsn from pg_replication_slots
                    where slot_type = 'logical' and not active and confirmed_flush_lsn > $2::pg_lsn and restart_lsn < $1::pg_lsn
                    order by restart_lsn limit 1),
                 moved as materialized (
                   select slot_name, restart_lsn, pg_replication_slot_advance(slot_name, confirmed_flush_lsn) from furthest)
                 select moved.restart_lsn::text as before,
                        (select slots.restart_lsn::text from pg_get_replication_slots() as slots
                          where slots.slot_name = moved.slot_name) as after
                   from moved`,
          values: [formatLsn(first), formatLsn(second)],
        },
        { signal: this.#stop.signal },
      );
      if (row === undefined) {
        return 'none';
      }
      return row.before === row.after ? 'held' : 'moved';
    } catch (error) {
      if (this.#stop.signal.aborted || (error instanceof Error && 'code' in error && error.code === IN_USE)) {
        return 'none';
      }
      throw error;
    }
  }
}
