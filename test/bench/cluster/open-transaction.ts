import { type Lsn, parseLsn } from '@slotcast/domain';
import type { PostgresConnection } from '@slotcast/postgres';
import type { PostgresServer } from '@slotcast/testkit';
import { openSession } from './bench-session.ts';

/** A transaction that has written something and stays open: no slot's restart_lsn can pass its beginning. */
export class OpenTransaction {
  /** The end of the WAL when it began. */
  readonly startedLsn: Lsn;
  readonly #session: PostgresConnection;

  private constructor(session: PostgresConnection, startedLsn: Lsn) {
    this.#session = session;
    this.startedLsn = startedLsn;
  }

  static async begin(primary: PostgresServer): Promise<OpenTransaction> {
    const session = await openSession(primary);
    try {
      await session.run({ text: 'create table if not exists public.bench_open (content text)' });
      await session.run({ text: 'begin' });
      const [row] = await session.run<{ lsn: string }>({
        text: 'select pg_current_wal_lsn()::text as lsn',
      });
      await session.run({ text: "insert into public.bench_open values ('still open')" });
      return new OpenTransaction(session, parseLsn(row?.lsn ?? ''));
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  async commit(): Promise<void> {
    await this.#session.run({ text: 'commit' });
    await this.#session.close();
  }

  /** Ends it in whatever way; does nothing when it has ended. */
  async close(): Promise<void> {
    await this.#session.close();
  }
}
