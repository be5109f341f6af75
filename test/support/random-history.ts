import { connectPostgres, isPostgresError, type PostgresConnection } from '@slotcast/postgres';
import type { PostgresServer } from '@slotcast/testkit';
import type { RandomSource } from './random-source.ts';

/** Sessions in the database whose slots are looked at. */
const SESSIONS = 4;
const SCHEMA = `
  create table public.shared (id int primary key, note text);
  create table public.own_0 (id int primary key, note text);
  create table public.own_1 (id int primary key, note text);
  create table public.own_2 (id int primary key, note text);
  create table public.own_3 (id int primary key, note text);
  create table public.own_4 (id int primary key, note text)`;
/** A transaction of so many subtransactions overflows what a running-xacts record lists of it. */
const MANY_SUBTRANSACTIONS = 70;
/**
 * What a statement may answer because of the other sessions: lock_not_available, a table or column that another transaction dropped or renamed, a row of
 * the same key.
 */
const EXPECTED: ReadonlySet<string> = new Set(['55P03', '42P01', '42703', '23505']);

type InTransaction =
  | 'insert'
  | 'insert many'
  | 'update'
  | 'delete'
  | 'schema'
  | 'savepoint'
  | 'to savepoint'
  | 'release'
  | 'subtransactions'
  | 'message'
  | 'commit'
  | 'rollback'
  | 'prepare';
type Alone =
  | 'begin'
  | 'insert'
  | 'running'
  | 'checkpoint'
  | 'vacuum'
  | 'finish prepared'
  | 'switch'
  | 'message';

const IN_TRANSACTION: readonly (readonly [InTransaction, number])[] = [
  ['insert', 12],
  ['insert many', 1],
  ['update', 4],
  ['delete', 2],
  ['schema', 7],
  ['savepoint', 6],
  ['to savepoint', 4],
  ['release', 2],
  ['subtransactions', 1],
  ['message', 2],
  ['commit', 7],
  ['rollback', 2],
  ['prepare', 3],
];
const ALONE: readonly (readonly [Alone, number])[] = [
  ['begin', 12],
  ['insert', 5],
  ['running', 3],
  ['checkpoint', 1],
  ['vacuum', 2],
  ['finish prepared', 5],
  ['switch', 1],
  ['message', 1],
];

interface Session {
  readonly connection: PostgresConnection;
  /** Its own table, which the others leave alone. */
  readonly table: string;
  savepoints: number;
  inTransaction: boolean;
}

/**
 * What several sessions do on a primary, statement by statement: transactions that overlap, are rolled back in whole or in part, are prepared and finished
 * by others; changed tables and vacuumed catalogs; running-xacts records at any point.
 */
export class RandomHistory {
  readonly #random: RandomSource;
  readonly #sessions: readonly Session[];
  readonly #prepared = new Set<string>();
  /** Names of prepared transactions that were rolled back, or may have been. */
  readonly rolledBack = new Set<string>();
  #number = 0;

  private constructor(random: RandomSource, sessions: readonly Session[]) {
    this.#random = random;
    this.#sessions = sessions;
  }

  /** Makes the tables in the database `postgres` and in another one, and opens the sessions. */
  static async start(server: PostgresServer, random: RandomSource): Promise<RandomHistory> {
    await server.query('create database other');
    for (const database of ['postgres', 'other']) {
      await server.query(SCHEMA, [], database);
    }
    await server.query('create publication everything for all tables');
    const databases = [...Array.from({ length: SESSIONS }, () => 'postgres'), 'other'];
    const sessions = await Promise.all(
      databases.map(async (database, index) => {
        const connection = await connectPostgres({ url: server.url(database), applicationName: 'history' });
        await connection.run({ text: "set lock_timeout = '10ms'" });
        return { connection, table: `public.own_${index}`, savepoints: 0, inTransaction: false };
      }),
    );
    return new RandomHistory(random, sessions);
  }

  /** One statement of one session. */
  async step(): Promise<void> {
    await this.#stepOf(this.#random.pick(this.#sessions));
  }

  /** Ends all transactions that are open or prepared, one after the other, so that for a moment there is none. */
  async endAll(server: PostgresServer): Promise<void> {
    for (const session of this.#sessions.filter(({ inTransaction }) => inTransaction)) {
      await this.#end(session, this.#random.pick(['commit', 'rollback']));
    }
    const rows = await server.query<{ gid: string; database: string }>(
      'select gid, database from pg_prepared_xacts order by gid',
    );
    for (const { gid, database } of rows) {
      await server.query(this.#finishing(gid), [], database);
      this.#prepared.delete(gid);
    }
    await server.query('select pg_log_standby_snapshot()');
  }

  /** One statement of each session, all at once and none waited for; they may find the server gone. */
  stepAll(): readonly Promise<void>[] {
    return this.#sessions.map((session) => this.#stepOf(session).catch(() => undefined));
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#sessions.map(({ connection }) => connection.close()));
  }

  async #stepOf(session: Session): Promise<void> {
    try {
      await (session.inTransaction ? this.#continue(session) : this.#alone(session));
    } catch (error) {
      if (!isPostgresError(error) || !EXPECTED.has(error.code ?? '')) {
        throw error;
      }
      await this.#recover(session);
    }
  }

  /** After an error a transaction goes on from its last savepoint, or not at all. */
  async #recover(session: Session): Promise<void> {
    if (!session.inTransaction) {
      return;
    }
    if (session.savepoints > 0) {
      await run(session, `rollback to savepoint s${session.savepoints}`);
      return;
    }
    await this.#end(session, 'rollback');
  }

  async #alone(session: Session): Promise<void> {
    const step = this.#random.weighted(ALONE);
    switch (step) {
      case 'begin':
        await run(session, 'begin');
        session.inTransaction = true;
        return;
      case 'insert':
        return this.#insert(session, 1);
      case 'running':
        return run(session, 'select pg_log_standby_snapshot()');
      case 'checkpoint':
        return run(session, 'checkpoint');
      case 'vacuum':
        return run(session, 'vacuum pg_class, pg_attribute, pg_type, pg_index, pg_depend');
      case 'switch':
        return run(session, 'select pg_switch_wal()');
      case 'message':
        return run(session, `select pg_logical_emit_message(false, 'test', 'message ${this.#next()}')`);
      case 'finish prepared':
        return this.#finishPrepared(session);
    }
  }

  async #continue(session: Session): Promise<void> {
    const step = this.#random.weighted(IN_TRANSACTION);
    switch (step) {
      case 'insert':
        return this.#insert(session, 1 + this.#random.below(3));
      case 'insert many':
        return this.#insert(session, 300);
      case 'update':
        return run(
          session,
          `update ${session.table} set note = 'changed ${this.#next()}'
            where id in (select id from ${session.table} order by id desc limit 2)`,
        );
      case 'delete':
        return run(
          session,
          `delete from ${session.table} where id in (select min(id) from ${session.table})`,
        );
      case 'schema':
        return run(session, this.#schemaChange(session));
      case 'message':
        return run(session, `select pg_logical_emit_message(true, 'test', 'message ${this.#next()}')`);
      case 'subtransactions':
        return this.#subtransactions(session);
      case 'savepoint':
      case 'to savepoint':
      case 'release':
        return this.#savepoint(session, step);
      case 'commit':
      case 'rollback':
        return this.#end(session, step);
      case 'prepare':
        return this.#prepare(session);
    }
  }

  async #insert(session: Session, count: number): Promise<void> {
    const from = this.#next(count);
    const table = this.#random.chance(30) ? 'public.shared' : session.table;
    await run(
      session,
      `insert into ${table} (id, note)
       select number, repeat('row ' || number, 10) from generate_series(${from}, ${from + count - 1}) as number`,
    );
  }

  /** Half of them are rolled back. */
  async #subtransactions(session: Session): Promise<void> {
    const from = this.#next(MANY_SUBTRANSACTIONS);
    await run(
      session,
      `do $$ begin
         for number in ${from}..${from + MANY_SUBTRANSACTIONS - 1} loop
           begin
             insert into ${session.table} (id, note) values (number, 'nested');
             if number % 2 = 0 then raise exception using errcode = 'P0001'; end if;
           exception when sqlstate 'P0001' then null;
           end;
         end loop;
       end $$`,
    );
  }

  #schemaChange({ table }: Session): string {
    const number = this.#next();
    return this.#random.pick([
      `alter table ${table} add column c${number} int default ${number}`,
      `alter table ${table} add column c${number} text;
       insert into ${table} (id, note, c${number}) values (${number}, 'with a column', 'new')`,
      `alter table ${table} alter column note type varchar(${1000 + number})`,
      `alter table ${table} alter column note type text using note || '.'`,
      `alter table ${table} rename column note to n${number};
       alter table ${table} rename column n${number} to note`,
      `create table public.extra_${number} (id int primary key, kind text);
       insert into public.extra_${number} values (${number}, 'extra')`,
      `create type public.mood_${number} as enum ('good', 'bad');
       alter table ${table} add column m${number} public.mood_${number} default 'good'`,
      `truncate ${table}`,
      `alter table ${table} replica identity ${number % 2 === 0 ? 'full' : 'default'}`,
      `drop table if exists public.extra_${this.#random.below(number) + 1}`,
    ]);
  }

  async #savepoint(session: Session, step: 'savepoint' | 'to savepoint' | 'release'): Promise<void> {
    if (step === 'savepoint' || session.savepoints === 0) {
      await run(session, `savepoint s${session.savepoints + 1}`);
      session.savepoints += 1;
    } else if (step === 'to savepoint') {
      await run(session, `rollback to savepoint s${session.savepoints}`);
    } else {
      await run(session, `release savepoint s${session.savepoints}`);
      session.savepoints -= 1;
    }
  }

  async #prepare(session: Session): Promise<void> {
    if (this.#prepared.size >= 6 || session.connection.database !== 'postgres') {
      return this.#end(session, 'commit');
    }
    const name = `prepared_${this.#next()}`;
    await this.#end(session, `prepare transaction '${name}'`);
    this.#prepared.add(name);
  }

  async #end(session: Session, statement: string): Promise<void> {
    session.inTransaction = false;
    session.savepoints = 0;
    await run(session, statement);
  }

  async #finishPrepared(session: Session): Promise<void> {
    if (this.#prepared.size === 0 || session.connection.database !== 'postgres') {
      return;
    }
    const name = this.#random.pick([...this.#prepared]);
    this.#prepared.delete(name);
    await run(session, this.#finishing(name));
  }

  /** Finishes on another server what was left prepared, and writes a little, as after a failover. */
  async finishOn(server: PostgresServer): Promise<void> {
    const rows = await server.query<{ gid: string }>('select gid from pg_prepared_xacts order by gid');
    for (const { gid } of rows) {
      await server.query(this.#finishing(gid));
    }
    await server.query("insert into public.shared (id, note) values (-1, 'after the failover')");
  }

  #finishing(name: string): string {
    if (this.#random.chance(70)) {
      return `commit prepared '${name}'`;
    }
    this.rolledBack.add(name);
    return `rollback prepared '${name}'`;
  }

  /** The first of `count` numbers that were not used before. */
  #next(count = 1): number {
    const first = this.#number + 1;
    this.#number += count;
    return first;
  }
}

async function run({ connection }: Session, text: string): Promise<void> {
  await connection.run({ text });
}
