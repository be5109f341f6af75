import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  connectPostgres,
  type PostgresConnection,
  readOldestTransaction,
  readPreparedTransactions,
} from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary } from '@slotcast/testkit';

for (const major of [13, 18] satisfies PostgresMajor[]) {
  describe(`the oldest open transaction of PostgreSQL ${major}`, { timeout: 180_000 }, () => {
    let server: PostgresServer;
    let own: PostgresConnection;
    const open: PostgresConnection[] = [];

    before(async () => {
      server = await startPrimary({ major, settings: { max_prepared_transactions: '2' } });
      await server.createRole('slotcast');
      own = await connectPostgres({ url: server.url('postgres', 'slotcast'), applicationName: 'test' });
    });

    after(async () => {
      await Promise.all([own, ...open].map((connection) => connection.close()));
      await server[Symbol.asyncDispose]();
    });

    /** A session whose transaction has an id. */
    async function begin(): Promise<{ readonly session: PostgresConnection; readonly xid: number }> {
      const session = await connectPostgres({ url: server.url(), applicationName: 'test' });
      open.push(session);
      await session.run({ text: 'begin' });
      const [row] = await session.run<{ xid: string }>({ text: 'select pg_current_xact_id()::text as xid' });
      return { session, xid: Number(row?.xid) };
    }

    test('is none where nothing writes, though others read', async () => {
      const reader = await connectPostgres({ url: server.url(), applicationName: 'test' });
      open.push(reader);
      await reader.run({ text: 'begin isolation level repeatable read' });
      await reader.run({ text: 'select 1' });
      assert.equal(await readOldestTransaction(own), undefined);
    });

    test('is the one with the lowest id, with its process and its beginning, then the prepared one', async () => {
      const before = Date.now();
      const first = await begin();
      const prepared = await begin();
      await prepared.session.run({ text: "prepare transaction 'order 66'" });
      const seen = await readOldestTransaction(own);
      const [row] = await first.session.run<{ pid: number }>({ text: 'select pg_backend_pid() as pid' });
      assert.equal(seen?.xid, first.xid);
      assert.equal(seen?.pid, row?.pid);
      assert.equal(seen?.gid, undefined);
      assert.ok(seen?.since !== undefined && seen.since >= before - 5 && seen.since <= Date.now() + 5);
      await first.session.run({ text: 'commit' });
      const next = await readOldestTransaction(own);
      assert.deepEqual(
        { ...next, since: 0 },
        { xid: prepared.xid, pid: undefined, gid: 'order 66', since: 0 },
      );
      assert.deepEqual(
        (await readPreparedTransactions(own)).map(({ xid, gid, pid }) => ({ xid, gid, pid })),
        [{ xid: prepared.xid, gid: 'order 66', pid: undefined }],
      );
      await server.query("commit prepared 'order 66'");
      assert.deepEqual(await readPreparedTransactions(own), []);
      assert.equal(await readOldestTransaction(own), undefined);
    });
  });
}
