import {
  connectPostgres,
  fillWal,
  type PostgresConnection,
  readReplayLsn,
  readWalEnd,
} from '@slotcast/postgres';
import { type PostgresServer, startPrimary, waitUntil } from '@slotcast/testkit';
import { decodeUpTo, requireWal } from '../src/postgres/reading.ts';
import type { Server } from '../src/postgres/server.ts';
import { changeSlot, confirmReceived } from '../src/postgres/slot.ts';
import type { Committed } from '../src/types.ts';
import { Pair } from './twin-pair.ts';

export type ServerName = 'a' | 'b';
/** Sessions with a transaction of their own. */
export const WRITERS = [0, 1, 2] as const;
export type Writer = (typeof WRITERS)[number];

/** What one session is for; a creation takes one of its own, as it waits. */
export type SessionUse = 'looks' | 'moves' | 'creations';

/** A pair of servers, `a` the primary and `b` its standby, whichever kind they are. */
export interface Side {
  /** Does work on a session that is made anew when the last one has ended. */
  on<T>(server: ServerName, work: (session: PostgresConnection) => Promise<T>, use?: SessionUse): Promise<T>;
  write(writer: Writer, rows: readonly number[]): Promise<void>;
  commit(writer: Writer): Promise<void>;
  rollback(writer: Writer): Promise<void>;
  /** Makes a table in the transaction. */
  changeCatalog(writer: Writer): Promise<void>;
  prepare(writer: Writer, gid: string): Promise<void>;
  finish(gid: string, how: 'commit' | 'rollback'): Promise<void>;
  checkpoint(server: ServerName): Promise<void>;
  crash(server: ServerName): Promise<void>;
  restart(server: ServerName): Promise<void>;
  stop(server: ServerName): Promise<void>;
  promote(): Promise<void>;
  /** Rows that a client of a slot would get. */
  content(server: ServerName, slot: string): Promise<readonly string[]>;
  /** Rows that a client of a slot gets, which confirms all that there is. */
  consume(server: ServerName, slot: string): Promise<readonly string[]>;
  /** Flushes WAL of the primary, and waits until the standby, when there is one, has replayed it. */
  settle(): Promise<void>;
}

const TOKEN = /INSERT: id\[integer\]:\d+|^PREPARE|^COMMIT PREPARED|^ROLLBACK PREPARED/;

const SETTINGS = {
  autovacuum: 'off',
  checkpoint_timeout: '1h',
  max_wal_size: '4GB',
  // The background writer looks seldom, so it logs no running transactions within the first 20 s.
  bgwriter_delay: '10s',
  bgwriter_lru_maxpages: '0',
  // Moves and advances write many lines.
  log_min_messages: 'fatal',
};

export class RealSide implements Side {
  readonly #servers: Readonly<Record<ServerName, PostgresServer>>;
  readonly #sessions = new Map<string, PostgresConnection>();
  readonly #writers = new Map<Writer, PostgresConnection>();
  #primary: ServerName = 'a';
  #tables = 0;
  #startedAt: number;

  private constructor(servers: Readonly<Record<ServerName, PostgresServer>>, startedAt: number) {
    this.#servers = servers;
    this.#startedAt = startedAt;
  }

  static async start(): Promise<RealSide> {
    const a = await startPrimary({ major: 18, name: 'a', settings: SETTINGS });
    const startedAt = performance.now();
    const b = await a.addStandby({ name: 'b', settings: SETTINGS });
    await a.query('create table written (id int primary key)');
    return new RealSide({ a, b }, startedAt);
  }

  /** How long ago `a` was started. Its background writer logs the running transactions after 15 s at the earliest, which the twin knows nothing of. */
  get ageMs(): number {
    return performance.now() - this.#startedAt;
  }

  async on<T>(
    server: ServerName,
    work: (session: PostgresConnection) => Promise<T>,
    use: SessionUse = 'looks',
  ): Promise<T> {
    const key = `${server} ${use}`;
    const replication = use === 'moves';
    const known = this.#sessions.get(key);
    const url = this.#servers[server].url();
    const session =
      known === undefined || known.broken
        ? await connectPostgres({ url, applicationName: 'real-pair', replication })
        : known;
    this.#sessions.set(key, session);
    return await work(session);
  }

  async write(writer: Writer, rows: readonly number[]): Promise<void> {
    const known = this.#writers.get(writer);
    const url = this.#servers[this.#primary].url();
    const session = known ?? (await connectPostgres({ url, applicationName: 'writer' }));
    if (known === undefined) {
      this.#writers.set(writer, session);
      await session.run({ text: 'begin' });
    }
    for (const row of rows) {
      await session.run({ text: 'insert into public.written values ($1)', values: [row] });
    }
  }

  async commit(writer: Writer): Promise<void> {
    await this.#end(writer, 'commit');
  }

  async rollback(writer: Writer): Promise<void> {
    await this.#end(writer, 'rollback');
  }

  async changeCatalog(writer: Writer): Promise<void> {
    this.#tables += 1;
    await this.#writers.get(writer)?.run({ text: `create table public.made_${this.#tables} (id int)` });
  }

  async prepare(writer: Writer, gid: string): Promise<void> {
    await this.#end(writer, `prepare transaction '${gid}'`);
  }

  async finish(gid: string, how: 'commit' | 'rollback'): Promise<void> {
    await this.#servers[this.#primary].query(`${how} prepared '${gid}'`);
  }

  async checkpoint(server: ServerName): Promise<void> {
    await this.#servers[server].query('checkpoint');
  }

  async crash(server: ServerName): Promise<void> {
    await this.#servers[server].kill();
    await this.#begin(server);
  }

  async restart(server: ServerName): Promise<void> {
    await this.#servers[server].stop('fast');
    await this.#begin(server);
  }

  async stop(server: ServerName): Promise<void> {
    await this.#servers[server].kill();
    this.#forget(server);
  }

  async promote(): Promise<void> {
    await this.#servers.b.promote();
    this.#primary = 'b';
  }

  content(server: ServerName, slot: string): Promise<readonly string[]> {
    return this.#read(server, slot, 'pg_logical_slot_peek_changes');
  }

  consume(server: ServerName, slot: string): Promise<readonly string[]> {
    return this.#read(server, slot, 'pg_logical_slot_get_changes');
  }

  async #read(server: ServerName, slot: string, how: string): Promise<readonly string[]> {
    const rows = await this.#servers[server].query<{ data: string }>(
      `select data from ${how}($1, null, null)`,
      [slot],
    );
    return rows.map(({ data }) => TOKEN.exec(data)?.[0]).filter((token) => token !== undefined);
  }

  async settle(): Promise<void> {
    const flushed = await this.on(this.#primary, async (session) => {
      await fillWal(session, 1);
      return (await readWalEnd(session)).flushLsn;
    });
    if (this.#primary === 'a') {
      await waitUntil(
        async () => {
          const replayed = await this.on('b', readReplayLsn);
          return replayed !== undefined && replayed >= flushed;
        },
        { describe: 'the standby has replayed' },
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const sessions = [...this.#sessions.values(), ...this.#writers.values()];
    await Promise.all(sessions.map((session) => session.close()));
    await this.#servers.a[Symbol.asyncDispose]();
  }

  async #end(writer: Writer, how: string): Promise<void> {
    const session = this.#writers.get(writer);
    this.#writers.delete(writer);
    await session?.run({ text: how });
    await session?.close();
  }

  async #begin(server: ServerName): Promise<void> {
    this.#forget(server);
    if (server === 'a') {
      this.#startedAt = performance.now();
    }
    await this.#servers[server].start();
  }

  #forget(server: ServerName): void {
    for (const use of ['looks', 'moves', 'creations']) {
      this.#sessions.delete(`${server} ${use}`);
    }
    if (server === this.#primary) {
      this.#writers.clear();
    }
  }
}

export class TwinSide implements Side {
  readonly pair: Pair;
  readonly #sessions = new Map<string, PostgresConnection>();
  readonly #xids = new Map<Writer, number>();
  readonly #catalogXids = new Set<number>();
  readonly #rows = new Map<number, number>();
  #primary: ServerName = 'a';

  constructor(seed: number) {
    this.pair = new Pair(seed, { checkpointIntervalMs: 3_600_000, runningIntervalMs: 3_600_000 });
  }

  async on<T>(
    server: ServerName,
    work: (session: PostgresConnection) => Promise<T>,
    use: SessionUse = 'looks',
  ): Promise<T> {
    const key = `${server} ${use}`;
    const replication = use === 'moves';
    const known = this.#sessions.get(key);
    const session =
      known === undefined || known.broken
        ? await this.pair.connect(this.#server(server), replication)
        : known;
    this.#sessions.set(key, session);
    return await this.pair.do(() => work(session));
  }

  write(writer: Writer, rows: readonly number[]): Promise<void> {
    const primary = this.#server(this.#primary);
    const xid = this.#xids.get(writer) ?? primary.begin();
    this.#xids.set(writer, xid);
    primary.write(xid, rows.length).forEach((id, index) => this.#rows.set(id, rows[index] ?? 0));
    return Promise.resolve();
  }

  commit(writer: Writer): Promise<void> {
    const xid = this.#end(writer);
    this.#server(this.#primary).commit(xid, { catalog: this.#catalogXids.has(xid) });
    return Promise.resolve();
  }

  rollback(writer: Writer): Promise<void> {
    this.#server(this.#primary).rollback(this.#end(writer));
    return Promise.resolve();
  }

  changeCatalog(writer: Writer): Promise<void> {
    const xid = this.#xids.get(writer) ?? 0;
    this.#catalogXids.add(xid);
    this.#server(this.#primary).write(xid, 0);
    return Promise.resolve();
  }

  prepare(writer: Writer, gid: string): Promise<void> {
    const xid = this.#end(writer);
    this.#server(this.#primary).prepare(xid, gid, { catalog: this.#catalogXids.has(xid) });
    return Promise.resolve();
  }

  finish(gid: string, how: 'commit' | 'rollback'): Promise<void> {
    this.#server(this.#primary).finishPrepared(gid, how);
    return Promise.resolve();
  }

  checkpoint(server: ServerName): Promise<void> {
    this.#server(server).checkpoint();
    return Promise.resolve();
  }

  async crash(server: ServerName): Promise<void> {
    await this.stop(server);
    this.#server(server).start();
    await this.pair.world.run(3_000);
  }

  async restart(server: ServerName): Promise<void> {
    this.#server(server).stop();
    this.#forget(server);
    this.#server(server).start();
    await this.pair.world.run(3_000);
  }

  async stop(server: ServerName): Promise<void> {
    this.#server(server).crash();
    this.#forget(server);
    await this.pair.world.run(100);
  }

  async promote(): Promise<void> {
    this.pair.standby.promote();
    this.#primary = 'b';
    await this.pair.world.run(5_000);
  }

  content(server: ServerName, slot: string): Promise<readonly string[]> {
    return Promise.resolve(this.#tokens(this.#server(server).wouldDeliver(slot, undefined) ?? []));
  }

  consume(server: ServerName, name: string): Promise<readonly string[]> {
    const { core } = this.#server(server);
    return this.on(server, () => {
      const slot = core.slots.get(name);
      requireWal(core, slot);
      const upTo = core.wal.endOf(core.readable);
      const startDecodingAt = slot.confirmedFlush ?? 0;
      const sent = decodeUpTo(core.wal, slot, core.snapshots, { startDecodingAt, upTo });
      confirmReceived(slot, upTo);
      changeSlot(slot, { dirty: true });
      return Promise.resolve(this.#tokens(sent));
    });
  }

  /** What the decoding plugin of the real server would say, as far as it is compared. */
  #tokens(sent: readonly Committed[]): readonly string[] {
    return sent.flatMap(({ rows, phase }): readonly string[] => {
      const inserts = rows.map((row) => `INSERT: id[integer]:${this.#rows.get(row)}`);
      if (phase === undefined) {
        return inserts;
      }
      const prepare = phase === 'prepare' || rows.length > 0 ? ['PREPARE'] : [];
      const end = phase === 'commit_prepared' ? ['COMMIT PREPARED'] : ['ROLLBACK PREPARED'];
      return [...inserts, ...prepare, ...(phase === 'prepare' ? [] : end)];
    });
  }

  async settle(): Promise<void> {
    await this.on(this.#primary, (session) => fillWal(session, 1));
    await this.pair.world.run(1_500);
  }

  #server(name: ServerName): Server {
    return name === 'a' ? this.pair.primary : this.pair.standby;
  }

  #end(writer: Writer): number {
    const xid = this.#xids.get(writer) ?? 0;
    this.#xids.delete(writer);
    return xid;
  }

  #forget(server: ServerName): void {
    for (const use of ['looks', 'moves', 'creations']) {
      this.#sessions.delete(`${server} ${use}`);
    }
    if (server === this.#primary) {
      this.#xids.clear();
    }
  }
}
