import { setTimeout as sleep } from 'node:timers/promises';
import { type Lsn, parseLsn } from '@slotcast/domain';
import type { PostgresConnection } from '@slotcast/postgres';
import type { PostgresServer } from '@slotcast/testkit';
import { openSession } from './bench-session.ts';
import { owedBytes, rowsFor } from './load-pace.ts';

const SESSIONS = 2;
/** Of the inserted rows, in md5 sums of 32 bytes. */
export type RowSize = 'small' | 'large';
const MD5_SUMS = { small: 6, large: 60 };
/** WAL of a row, with its part of what is updated, and the indexes. */
const ROW_BYTES = { small: 400, large: 2200 };
/** Rows that are there from the start, to be updated. */
const LASTING_ROWS = 20_000;
/** The table that is inserted into is emptied when this much was written into it, so that it takes a bounded part of the disk. */
const TABLE_BYTES = 192_000_000;
const PAUSE_MS = 5;

/** What was written between two moments. */
export interface ReachedLoad {
  readonly wantedMbPerSecond: number;
  /** MB of WAL (10^6 bytes) per second, whoever wrote it. */
  readonly mbPerSecond: number;
}

/**
 * Ordinary transactions on sessions of their own, on tables of their own: each inserts rows and updates some, and commits. The pace is held by
 * the position of the WAL, so that full-page images and what others write count, too.
 */
export class WriteLoad {
  readonly wantedMbPerSecond: number;
  readonly #sessions: readonly PostgresConnection[];
  readonly #rows: RowSize;
  readonly #stop = new AbortController();
  #writing: Promise<void> = Promise.resolve();
  #startedAt = 0;
  #startedLsn = 0n;
  #lsn = 0n;
  #table = 0;
  #tableSince = 0n;
  #failure: Error | undefined;

  private constructor(sessions: readonly PostgresConnection[], wantedMbPerSecond: number, rows: RowSize) {
    this.#sessions = sessions;
    this.#rows = rows;
    this.wantedMbPerSecond = wantedMbPerSecond;
  }

  /** Begins to write; with 0 it writes nothing and only measures. */
  static async start(
    primary: PostgresServer,
    mbPerSecond: number,
    rows: RowSize = 'small',
  ): Promise<WriteLoad> {
    const sessions: PostgresConnection[] = [];
    for (let index = 0; index < SESSIONS; index += 1) {
      sessions.push(await openSession(primary, { role: 'bench_load' }));
    }
    const load = new WriteLoad(sessions, mbPerSecond, rows);
    if (mbPerSecond > 0) {
      await load.#prepare();
    }
    load.#lsn = await load.position();
    load.#startedLsn = load.#lsn;
    load.#tableSince = load.#lsn;
    load.#startedAt = performance.now();
    if (mbPerSecond > 0) {
      load.#writing = load.#writeAll();
    }
    return load;
  }

  /** Begins to count; the function returns what was reached since. */
  async measure(): Promise<() => Promise<ReachedLoad>> {
    const from = await this.position();
    const startedAt = performance.now();
    return async () => {
      this.#throwFailure();
      const bytes = Number((await this.position()) - from);
      const seconds = (performance.now() - startedAt) / 1000;
      return { wantedMbPerSecond: this.wantedMbPerSecond, mbPerSecond: bytes / 1e6 / seconds };
    };
  }

  /** The end of the WAL. */
  async position(): Promise<Lsn> {
    const [row] = await (this.#sessions[0]?.run<{ lsn: string }>({
      name: 'position',
      text: 'select pg_current_wal_lsn()::text as lsn',
    }) ?? []);
    return parseLsn(row?.lsn ?? '');
  }

  /** Stops writing. Throws what ended the writing before. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#writing;
    await Promise.allSettled(this.#sessions.map((session) => session.close()));
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) {
      throw new Error(`the write load ended: ${this.#failure.message}`, { cause: this.#failure });
    }
  }

  async #prepare(): Promise<void> {
    const [session] = this.#sessions;
    for (const table of ['public.bench_load_0', 'public.bench_load_1', 'public.bench_lasting']) {
      await session?.run({
        text: `create table if not exists ${table} (id bigserial primary key, n int not null default 0, content text not null)`,
      });
    }
    await session?.run({
      text: `insert into public.bench_lasting (content)
             select repeat(md5(i::text), 4) from generate_series(1, ${LASTING_ROWS}) as i
              where not exists (select from public.bench_lasting)`,
    });
  }

  async #writeAll(): Promise<void> {
    try {
      await Promise.all(this.#sessions.map((session, index) => this.#write(session, index)));
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    }
  }

  async #write(session: PostgresConnection, index: number): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const owed = owedBytes({
        bytesPerSecond: this.wantedMbPerSecond * 1e6,
        elapsedMs: performance.now() - this.#startedAt,
        written: Number(this.#lsn - this.#startedLsn),
      });
      if (owed <= 0) {
        await sleep(PAUSE_MS);
        continue;
      }
      if (owed > this.wantedMbPerSecond * 1e6) {
        // More than a second behind: the machine does not give more, and what was missed is not made up for in one go.
        this.#startedAt = performance.now();
        this.#startedLsn = this.#lsn;
      }
      const rows = rowsFor({ bytesPerSecond: this.wantedMbPerSecond * 1e6, rowBytes: ROW_BYTES[this.#rows] });
      await this.#transaction(session, index, rows);
      if (index === 0 && this.#lsn - this.#tableSince > TABLE_BYTES) {
        await this.#emptyOther(session);
      }
    }
  }

  /** Each session updates rows of its own: two that meet on rows in another order would be a deadlock. */
  async #transaction(session: PostgresConnection, index: number, rows: number): Promise<void> {
    const table = `public.bench_load_${this.#table}`;
    const updated = Math.ceil(rows / 5);
    const [row] = await session.run<{ lsn: string }>({
      name: `load-${table}`,
      text: `with made as (insert into ${table} (content)
                           select repeat(md5(random()::text), ${MD5_SUMS[this.#rows]}) from generate_series(1, $1::int) returning id),
                  changed as (update public.bench_lasting set n = n + 1
                               where id = any(select 1 + $3::int + ${SESSIONS} * floor(random() * ${LASTING_ROWS / SESSIONS})::bigint
                                                from generate_series(1, $2::int)) returning id)
             select pg_current_wal_lsn()::text as lsn, (select count(*) from made), (select count(*) from changed)`,
      values: [rows, updated, index],
    });
    const lsn = parseLsn(row?.lsn ?? '');
    this.#lsn = lsn > this.#lsn ? lsn : this.#lsn;
  }

  /** The other session may still be at work in the present table, so this takes the one that was left a while ago. */
  async #emptyOther(session: PostgresConnection): Promise<void> {
    const next = 1 - this.#table;
    await session.run({ text: `truncate public.bench_load_${next}` });
    this.#table = next;
    this.#tableSince = this.#lsn;
  }
}
