import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  classifyPostgresError,
  connectPostgres,
  createLogicalSlot,
  describePostgresError,
  dropSlot,
  emitMessage,
  identifySystem,
  observePrimary,
  observeStandby,
  readPreconditions,
  readServerFacts,
  subscribe,
} from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary } from '@slotcast/testkit';
import pg from 'pg';
import { optionsFor, ROLE, withConnection } from './open-connections.ts';

const TIMEOUT_MS = 180_000;

/** What breaks a session, or changes what it reads, unless the session has it fixed. */
const hostileSettings = [
  "search_path = 'nowhere'",
  "role = 'idler'",
  "statement_timeout = '1ms'",
  "lock_timeout = '1ms'",
  "idle_session_timeout = '200ms'",
  "idle_in_transaction_session_timeout = '1ms'",
  "wal_sender_timeout = '1ms'",
  'exit_on_error = on',
  "default_transaction_isolation = 'serializable'",
  'default_transaction_read_only = on',
  'default_transaction_deferrable = on',
  "client_encoding = 'LATIN1'",
  'standard_conforming_strings = off',
  'array_nulls = off',
  'quote_all_identifiers = on',
  "bytea_output = 'escape'",
  'extra_float_digits = -15',
  "DateStyle = 'SQL, DMY'",
  "IntervalStyle = 'iso_8601'",
  "TimeZone = 'Asia/Kathmandu'",
  "client_min_messages = 'debug5'",
  'jit_above_cost = 0',
];

for (const major of [16, 17, 18] satisfies PostgresMajor[]) {
  describe(`sessions on PostgreSQL ${major}, whatever role and database are set to`, {
    timeout: 180_000,
  }, () => {
    let primary: PostgresServer;
    let standby: PostgresServer;

    before(async () => {
      primary = await startPrimary({ major });
      await primary.createRole(ROLE);
      await primary.query('create role idler');
      await primary.query(`grant idler to ${ROLE}`);
      await primary.query('create table bulk (id int, filler text)');
      await primary.query('create publication nothing');
      standby = await primary.addStandby({ name: 'standby' });
      const settings = [...hostileSettings, ...(major >= 17 ? ["transaction_timeout = '50ms'"] : [])];
      for (const setting of settings) {
        await primary.query(`alter role ${ROLE} set ${setting}`);
      }
      await primary.query(`alter role ${ROLE} in database postgres set statement_timeout = '2ms'`);
      await primary.waitForReplay(standby);
    });

    after(async () => {
      await primary?.[Symbol.asyncDispose]();
    });

    test('read, write, and outlive what would end them', { timeout: TIMEOUT_MS }, async () => {
      for (const server of [primary, standby]) {
        await withConnection(optionsFor(server), async (connection) => {
          await withConnection(optionsFor(server, { replication: true }), async (replication) => {
            await identifySystem(replication);
            await idleSessionEnds(server);
            await identifySystem(replication);
          });
          const facts = await readPreconditions(connection);
          assert.deepEqual([facts.role, facts.database, facts.hasReplication], [ROLE, 'postgres', true]);
          const { timeMs } = await readServerFacts(connection);
          assert.ok(Math.abs(timeMs - Date.now()) < 5000, `the clock of ${server.name} says ${timeMs}`);
          assert.equal((await observePrimary(connection)).inRecovery, server === standby);
          assert.equal((await observeStandby(connection)).inRecovery, server === standby);
          await connection.run({ text: "select pg_sleep(0.1), 'é\\' as text" });
          await assert.rejects(dropSlot(connection, 'missing'), { code: '42704' });
          assert.equal(connection.broken, false);
        });
      }
    });

    test('write and decode transactions that take longer than a time limit for them', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await withConnection(optionsFor(primary), async (connection) => {
        await createLogicalSlot(connection, { name: 'canary', plugin: 'pgoutput', twoPhase: false });
        await primary.query(
          "insert into bulk select n, repeat('x', 100) from generate_series(1, 100000) as n",
        );
        await emitMessage(connection, { prefix: 'test', content: 'after the bulk' });
        const stop = new AbortController();
        const received: string[] = [];
        await subscribe({
          connection: optionsFor(primary, { major }),
          slot: 'canary',
          publication: 'nothing',
          onRow: () => undefined,
          onMessage: ({ content }) => {
            received.push(Buffer.from(content).toString());
            stop.abort();
          },
          signal: stop.signal,
        });
        assert.deepEqual(received, ['after the bulk']);
      });
    });

    test('name the option that the server does not take', { timeout: TIMEOUT_MS }, async () => {
      for (const option of [
        '-c nosuch=1',
        '-c work_mem=plenty',
        '-c max_connections=7',
        'stray',
        '-c log_statement=all',
      ]) {
        const url = `${primary.url('postgres', ROLE)}?options=${encodeURIComponent(option)}`;
        await assert.rejects(connectPostgres({ url, applicationName: 'slotcast-test' }), (error) => {
          const { class: kind, mayPass, remedy } = classifyPostgresError(error);
          assert.deepEqual([kind, mayPass], ['fatal', false], option);
          assert.match(remedy, /options/, describePostgresError(error));
          return true;
        });
      }
    });

    test('tell of a library that is loaded into every session and missing', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await primary.query(`alter role ${ROLE} set session_preload_libraries = 'nosuch'`);
      await assert.rejects(connectPostgres(optionsFor(primary)), (error) => {
        const { class: kind, mayPass, remedy } = classifyPostgresError(error);
        assert.deepEqual([kind, mayPass], ['fatal', true]);
        assert.match(remedy, /session_preload_libraries/);
        return true;
      });
      await primary.query(`alter role ${ROLE} reset session_preload_libraries`);
    });

    if (major >= 17) {
      test('put right what a login trigger sets, and tell of one that fails on a standby', {
        timeout: TIMEOUT_MS,
      }, async () => {
        await primary.query('create table logins (at timestamptz)');
        const define = (body: string) =>
          primary.query(
            `create or replace function on_login() returns event_trigger security definer language plpgsql as
               $$ begin if session_user = '${ROLE}' then ${body}; end if; end $$`,
          );
        await define(`perform set_config('statement_timeout', '50ms', false)`);
        await primary.query('create event trigger on_login on login execute function on_login()');
        await withConnection(optionsFor(primary), async (connection) => {
          await connection.run({ text: 'select pg_sleep(0.1)' });
        });
        await define('insert into public.logins values (now())');
        await primary.waitForReplay(standby);
        await withConnection(optionsFor(primary), async (connection) => {
          assert.equal((await observePrimary(connection)).inRecovery, false);
        });
        for (const replication of [false, true]) {
          await assert.rejects(connectPostgres(optionsFor(standby, { replication })), (error) => {
            const { class: kind, mayPass, remedy } = classifyPostgresError(error);
            assert.deepEqual([kind, mayPass], ['fatal', true]);
            assert.match(remedy, /login trigger/);
            return true;
          });
        }
      });
    }
  });
}

/** Waits until the server has ended a session that the client left as the role's settings make it. */
async function idleSessionEnds(server: PostgresServer): Promise<void> {
  const client = new pg.Client(server.connectionOptions('postgres', ROLE));
  client.on('error', (error) => assert.match(error.message, /idle-session timeout|terminated/));
  await client.connect();
  await new Promise<void>((resolve) => {
    client.once('end', () => resolve());
  });
}
