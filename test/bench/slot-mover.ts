import { type Lsn, parseLsn } from '@slotcast/domain';
import { connectPostgres, type PostgresConnection } from '@slotcast/postgres';
import type { PostgresServer } from '@slotcast/testkit';

/** A slot that moved on the primary. */
export interface Move {
  readonly slot: string;
  readonly position: Lsn;
  /** When the primary had answered, on the clock of `performance.now()`. */
  readonly movedAt: number;
}

/** Does on the primary what applications and their logical consumers do: writes WAL, and confirms it on slots. */
export class SlotMover {
  readonly #connection: PostgresConnection;

  private constructor(connection: PostgresConnection) {
    this.#connection = connection;
  }

  static async open(primary: PostgresServer): Promise<SlotMover> {
    return new SlotMover(await connectPostgres({ url: primary.url(), applicationName: 'bench-mover' }));
  }

  /** Writes a little WAL and flushes it, as a commit does. */
  async writeWal(): Promise<void> {
    await this.#connection.run({
      name: 'write',
      text: "select pg_logical_emit_message(false, 'bench', 'something happened', true)",
    });
  }

  /** Moves one slot to the end of the flushed WAL. */
  async move(slot: string): Promise<Move> {
    const [row] = await this.#connection.run<{ end_lsn: string }>({
      name: 'move',
      text: 'select end_lsn::text from pg_replication_slot_advance($1, pg_current_wal_flush_lsn())',
      values: [slot],
    });
    if (row === undefined) {
      throw new Error(`the primary did not tell where slot ${slot} stands`);
    }
    return { slot, position: parseLsn(row.end_lsn), movedAt: performance.now() };
  }

  /** Moves all logical slots in one statement. */
  async moveAll(): Promise<void> {
    await this.writeWal();
    await this.#connection.run({
      name: 'move-all',
      text: `select count(pg_replication_slot_advance(slot_name, pg_current_wal_flush_lsn()))
               from pg_replication_slots where slot_type = 'logical'`,
    });
  }

  /** Logs a running-xacts record, with which restart_lsn of a moving slot can follow. */
  async logSnapshot(): Promise<void> {
    await this.#connection.run({ text: 'select pg_log_standby_snapshot()' });
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}
