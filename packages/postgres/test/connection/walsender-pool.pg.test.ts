import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { currentDatabase, DatabaseSessions, type PostgresConnection } from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary, takeWalsenders } from '@slotcast/testkit';
import { optionsFor, ROLE } from './open-connections.ts';

const TIMEOUT_MS = 180_000;
const MAX_WAL_SENDERS = 3;
const IDLE_MS = 300;
const { signal } = new AbortController();

const processOf = (session: PostgresConnection): Promise<number> => Promise.resolve(session.processId);

for (const major of [16, 18] satisfies PostgresMajor[]) {
  describe(`pooled walsender sessions on PostgreSQL ${major}`, { timeout: 180_000 }, () => {
    let server: PostgresServer;
    let sessions: DatabaseSessions;
    let postgres: { readonly name: string; readonly oid: number };
    let shop: { readonly name: string; readonly oid: number };

    before(async () => {
      server = await startPrimary({ major, settings: { max_wal_senders: String(MAX_WAL_SENDERS) } });
      await server.createRole(ROLE);
      await server.query('create database shop');
      const rows = await server.query<{ datname: string; oid: number }>(
        `select datname, oid::int from pg_database where datname in ('postgres', 'shop') order by 1`,
      );
      const [first, second] = rows.map(({ datname, oid }) => ({ name: datname, oid }));
      assert.ok(first !== undefined && second !== undefined);
      [postgres, shop] = [first, second];
      sessions = new DatabaseSessions(optionsFor(server), () => undefined, signal, IDLE_MS);
    });

    after(async () => {
      await sessions?.close();
      await server?.[Symbol.asyncDispose]();
    });

    async function openWalsenders(count: number): Promise<void> {
      await server.waitFor(
        `select from pg_stat_activity where backend_type = 'walsender'`,
        (rows) => rows.length === count,
      );
    }

    test('are one per database, and for one use at a time', { timeout: TIMEOUT_MS }, async () => {
      let inUse = 0;
      const use = () =>
        sessions.useWalsender(postgres, async (session) => {
          inUse += 1;
          assert.equal(inUse, 1, 'used for two things at once');
          const { oid } = await currentDatabase(session);
          assert.equal(oid, postgres.oid);
          inUse -= 1;
          return session.processId;
        });
      const used = await Promise.all([use(), use(), use()]);
      assert.equal(new Set(used).size, 1);
      const elsewhere = await sessions.useWalsender(shop, async (session) => {
        assert.equal((await currentDatabase(session)).oid, shop.oid);
        return session.processId;
      });
      assert.notEqual(elsewhere, used[0]);
    });

    test('are of the database with the oid, whatever its name is', { timeout: TIMEOUT_MS }, async () => {
      await openWalsenders(0);
      await server.query('alter database shop rename to store');
      const { oid } = await sessions.useWalsender(shop, currentDatabase);
      assert.equal(oid, shop.oid);
    });

    test('are closed when they are not used for a while', { timeout: TIMEOUT_MS }, async () => {
      await sessions.useWalsender(postgres, processOf);
      await openWalsenders(0);
    });

    test('are made anew when somebody ended them', { timeout: TIMEOUT_MS }, async () => {
      const first = await sessions.useWalsender(postgres, processOf);
      await server.query('select pg_terminate_backend($1)', [first]);
      await openWalsenders(0);
      assert.notEqual(await sessions.useWalsender(postgres, processOf), first);
    });

    test('are closed after a use that failed, and the next use gets another', {
      timeout: TIMEOUT_MS,
    }, async () => {
      let failed = 0;
      const failing = sessions.useWalsender(postgres, (session) => {
        failed = session.processId;
        return Promise.reject(new Error('half done'));
      });
      const next = sessions.useWalsender(postgres, processOf);
      await assert.rejects(failing, /half done/);
      assert.notEqual(await next, failed);
    });

    test('are refused while max_wal_senders are in use, and made as soon as one is free', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await openWalsenders(0);
      const taken = await takeWalsenders(server.url('postgres', ROLE));
      assert.equal(taken.length, MAX_WAL_SENDERS);
      await assert.rejects(sessions.useWalsender(postgres, processOf), { code: '53300' });
      await Promise.all(taken.map((each) => each.close()));
      await openWalsenders(0);
      await sessions.useWalsender(postgres, processOf);
    });

    test('are all closed at the end, also one that is in use', { timeout: TIMEOUT_MS }, async () => {
      const using = sessions.useWalsender(postgres, (session) => session.closed);
      await openWalsenders(1);
      await sessions.close();
      await using;
      await openWalsenders(0);
    });
  });
}
