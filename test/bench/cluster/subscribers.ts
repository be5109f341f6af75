import { type Lsn, parseLsn, parseSlotName } from '@slotcast/domain';
import { moveSlots, type PostgresConnection, setFailoverProperty } from '@slotcast/postgres';
import type { PostgresServer } from '@slotcast/testkit';
import { openSession } from './bench-session.ts';

const PLUGIN = 'test_decoding';
const BATCH = 250;

/** A slot that moved on the primary. */
export interface Move {
  readonly slot: string;
  readonly position: Lsn;
  /** When the subscriber confirmed, on the clock of `performance.now()`. */
  readonly movedAt: number;
}

/**
 * Does on the primary what applications and their subscribers do: writes WAL, and confirms it on slots. Slots are confirmed on a walsender session, as
 * subscribers do it, and without decoding, so that the subscribers take next to nothing of the machine.
 */
export class Subscribers {
  readonly #sql: PostgresConnection;
  readonly #walsender: PostgresConnection;

  private constructor(sql: PostgresConnection, walsender: PostgresConnection) {
    this.#sql = sql;
    this.#walsender = walsender;
  }

  static async open(primary: PostgresServer, database = 'postgres'): Promise<Subscribers> {
    const sql = await openSession(primary, { database });
    try {
      return new Subscribers(sql, await openSession(primary, { database, replication: true }));
    } catch (error) {
      await sql.close();
      throw error;
    }
  }

  /** Writes a little WAL and flushes it, as a commit does. */
  async writeWal(): Promise<void> {
    await this.#sql.run({
      name: 'write',
      text: "select pg_logical_emit_message(false, 'bench', 'something happened', true)",
    });
  }

  /** Has PostgreSQL's own slot sync carry these slots over, too. */
  async carryOver(slots: readonly string[]): Promise<void> {
    for (const slot of slots) {
      await setFailoverProperty(this.#walsender, parseSlotName(slot));
    }
  }

  /** Writes a little WAL, and confirms all that there is on these slots. A slot that somebody else uses is left out. */
  async move(slots: readonly string[]): Promise<readonly Move[]> {
    await this.writeWal();
    const [row] = await this.#sql.run<{ lsn: string }>({
      name: 'end',
      text: 'select pg_current_wal_flush_lsn()::text as lsn',
    });
    const target = parseLsn(row?.lsn ?? '');
    const movedAt = performance.now();
    const moves: Move[] = [];
    for (let first = 0; first < slots.length; first += BATCH) {
      const batch = slots.slice(first, first + BATCH);
      const outcomes = await moveSlots(
        this.#walsender,
        batch.map((slot) => ({ name: parseSlotName(slot), plugin: PLUGIN, target })),
        { upTo: target },
      );
      const moved = outcomes.filter(({ kind }) => kind === 'moved');
      moves.push(...moved.map(({ name }) => ({ slot: name, position: target, movedAt })));
    }
    return moves;
  }

  /** Has all slots confirmed by decoding, one after the other, so that restart_lsn can follow, too. */
  async decodeAll(): Promise<void> {
    await this.writeWal();
    await this.#sql.run({
      name: 'decode-all',
      text: `select count(pg_replication_slot_advance(slot_name, pg_current_wal_flush_lsn()))
               from pg_replication_slots where database = current_database()`,
    });
  }

  /** Logs a running-xacts record, with which restart_lsn of a moving slot can follow. */
  async logSnapshot(): Promise<void> {
    await this.#sql.run({ text: 'select pg_log_standby_snapshot()' });
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#sql.close(), this.#walsender.close()]);
  }
}
