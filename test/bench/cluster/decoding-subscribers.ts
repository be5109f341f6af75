import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresConnection } from '@slotcast/postgres';
import type { PostgresServer } from '@slotcast/testkit';
import { openSession } from './bench-session.ts';

/** The publisher has a running-xacts record logged per 64 MB; there is nothing to gain by less. */
const BEHIND_BYTES = 96_000_000;
const LOWEST_PRIORITY = 19;
const PAUSE_MS = 250;
/** object_in_use: the slot is being moved. */
const IN_USE = '55006';

/**
 * Has restart_lsn of the primary's slots follow, as the subscribers' own decoding does. Slot after slot, the one that is furthest behind first, is
 * decoded up to where it stands once that is more than 96 MB. That costs the primary all WAL for each of the slots, as real subscribers
 * do; its session has the lowest priority, so that it takes what everybody else leaves.
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
    while (!this.#stop.signal.aborted) {
      if (!(await this.#decodeOne())) {
        await sleep(PAUSE_MS);
      }
    }
  }

  /** False when no slot is far enough behind, or the one that is was in use. */
  async #decodeOne(): Promise<boolean> {
    try {
      const rows = await this.#session.run(
        {
          name: 'decode',
          text: `select pg_replication_slot_advance(slot_name, confirmed_flush_lsn)
                   from (select slot_name, confirmed_flush_lsn from pg_replication_slots
                          where slot_type = 'logical' and not active
                            and confirmed_flush_lsn - restart_lsn > ${BEHIND_BYTES}
                          order by restart_lsn limit 1 offset 0) as furthest`,
        },
        { signal: this.#stop.signal },
      );
      return rows.length > 0;
    } catch (error) {
      if (this.#stop.signal.aborted || (error instanceof Error && 'code' in error && error.code === IN_USE)) {
        return false;
      }
      throw error;
    }
  }
}
