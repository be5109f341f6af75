import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Lsn, parseLsn } from '@slotcast/domain';
import type { PostgresConnection } from '@slotcast/postgres';
import type { PostgresServer } from '@slotcast/testkit';
import { openSession } from './bench-session.ts';

/** A slot is decoded when it is so far behind, as the publisher has a running-xacts record logged as often. */
const BEHIND_BYTES = 64n * 1024n * 1024n;
/** restart_lsn moves from record to record; what lies beyond the last one would be decoded twice. */
const RECORD_BYTES = 8n * 1024n * 1024n;
const LOWEST_PRIORITY = 19;
const PAUSE_MS = 250;
/** object_in_use: the slot is being moved. */
const IN_USE = '55006';
/** object_not_in_prerequisite_state: the slot stands beyond the position that was read a moment before. */
const MOVED_ON = '55000';

/**
 * Has restart_lsn of the primary's slots follow, as the subscribers' own decoding does. One slot after the other, the one that is furthest behind first, is
 * decoded up to where it stands once that is 64 MiB. Where one gains nothing a transaction is open, which holds back all of them. That costs the primary all WAL
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
    let recordAt = 0n;
    let heldUntil = 0n;
    while (!this.#stop.signal.aborted) {
      const end = await this.#lsn('select pg_current_wal_insert_lsn()::text as lsn');
      if (end - recordAt >= RECORD_BYTES) {
        recordAt = await this.#lsn('select pg_log_standby_snapshot()::text as lsn');
      }
      const outcome = end < heldUntil ? 'none' : await this.#decodeOne();
      if (outcome === 'held') {
        heldUntil = end + BEHIND_BYTES;
      }
      if (outcome !== 'moved') {
        await sleep(PAUSE_MS);
      }
    }
  }

  async #lsn(text: string): Promise<Lsn> {
    const [row] = await this.#session.run<{ lsn: string }>({ text });
    return parseLsn(row?.lsn ?? '');
  }

  /** `none` when no slot is far enough behind, or the one that is was in use. */
  async #decodeOne(): Promise<'moved' | 'held' | 'none'> {
    try {
      const [row] = await this.#session.run<{ before: string; after: string }>(
        {
          name: 'decode',
          text: `with furthest as materialized (
                   select slot_name, restart_lsn, confirmed_flush_lsn from pg_replication_slots
                    where slot_type = 'logical' and not active and confirmed_flush_lsn - restart_lsn >= ${BEHIND_BYTES}
                    order by restart_lsn limit 1),
                 moved as materialized (
                   select slot_name, restart_lsn, pg_replication_slot_advance(slot_name, confirmed_flush_lsn) from furthest)
                 select moved.restart_lsn::text as before,
                        (select slots.restart_lsn::text from pg_get_replication_slots() as slots
                          where slots.slot_name = moved.slot_name) as after
                   from moved`,
        },
        { signal: this.#stop.signal },
      );
      if (row === undefined) {
        return 'none';
      }
      return row.before === row.after ? 'held' : 'moved';
    } catch (error) {
      if (this.#stop.signal.aborted || isTaken(error)) {
        return 'none';
      }
      throw error;
    }
  }
}

/** Its subscriber has it, or has moved it on between the look and the advance. */
function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === IN_USE || error.code === MOVED_ON);
}
