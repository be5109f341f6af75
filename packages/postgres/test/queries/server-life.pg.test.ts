import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sameLife } from '@slotcast/domain';
import { connectPostgres, readWalEnd, type WalEnd } from '@slotcast/postgres';
import { type PostgresServer, startPrimary, waitUntil } from '@slotcast/testkit';

async function endOf(server: PostgresServer): Promise<WalEnd> {
  const connection = await connectPostgres({ url: server.url('postgres'), applicationName: 'test' });
  try {
    return await readWalEnd(connection);
  } finally {
    await connection.close();
  }
}

/** A crash of one session makes the postmaster end all of them, and recover. */
async function crashSessions(server: PostgresServer): Promise<void> {
  const [other] = await server.query<{ pid: number }>(
    `select pid from pg_stat_activity where backend_type = 'walwriter'`,
  );
  assert.ok(other);
  process.kill(other.pid, 'SIGKILL');
}

for (const major of [16, 17, 18] as const) {
  test(`a crash of sessions on ${major} begins another life of the server, which has all the WAL that was flushed`, {
    timeout: 120_000,
  }, async () => {
    await using server = await startPrimary({ major });
    const before = await endOf(server);
    assert.ok(sameLife(before, await endOf(server)));
    for (let round = 0; round < 3; round += 1) {
      const last = await endOf(server);
      await crashSessions(server);
      let after: WalEnd | undefined;
      await waitUntil(
        async () => {
          after = await endOf(server).catch(() => undefined);
          return after !== undefined && !sameLife(last, after);
        },
        { describe: 'another life of the server' },
      );
      assert.ok(after !== undefined);
      assert.equal(after.serverStartedAt, before.serverStartedAt, 'the postmaster is the same');
      assert.ok(after.flushLsn >= last.flushLsn, `${after.flushLsn} after ${last.flushLsn}`);
    }
    const crashed = await endOf(server);
    await server.restart('fast');
    assert.equal(sameLife(crashed, await endOf(server)), false);
  });
}
