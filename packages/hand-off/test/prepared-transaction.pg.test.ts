import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type FencePass, lsn } from '@slotcast/domain';
import { raiseFence } from '@slotcast/hand-off';
import { connectPostgres, RecoveryWatch, readWalEnd, type WatchedRecovery } from '@slotcast/postgres';
import type { PostgresMajor } from '@slotcast/testkit';
import { Pair } from './promoted-servers.ts';

const TIMEOUT_MS = 180_000;
const { signal } = new AbortController();

async function prepare(pair: Pair, id: string): Promise<void> {
  await pair.primary.query(`begin; insert into numbered values (1); prepare transaction '${id}'`);
  await pair.primary.waitForReplay(pair.standby);
}

/** Kills the primary while a transaction is open that others overtook, and promotes the standby; returns the open one's id. */
async function dieWithOpenTransaction(
  pair: Pair,
): Promise<{ readonly baseline: WatchedRecovery; readonly open: string | undefined }> {
  const writer = await connectPostgres({ url: pair.primary.url(), applicationName: 'writer' });
  try {
    await writer.run({ text: 'begin' });
    await writer.run({ text: 'insert into public.numbered values (1)' });
    const text = 'select pg_current_xact_id()::text as xid';
    const [row] = await writer.run<{ readonly xid: string }>({ text });
    await pair.primary.query('insert into numbered values (2)');
    await pair.primary.waitForReplay(pair.standby);
    await pair.primary.kill();
    return { baseline: await pair.promote(), open: row?.xid };
  } finally {
    await writer.close();
  }
}

/** Raises the fence by a little more, and sees that no transaction id was taken. */
async function raise(pair: Pair, baseline: WatchedRecovery): Promise<FencePass> {
  const connection = await pair.connect();
  try {
    const { insertLsn, nextXid } = await readWalEnd(connection, signal);
    assert.equal(nextXid, baseline.nextXid);
    return await raiseFence({ connection, targets: [lsn(insertLsn + 1000n)], baseline, signal });
  } finally {
    await connection.close();
  }
}

for (const major of [13, 18] satisfies PostgresMajor[]) {
  describe(`with a transaction that was prepared before the promotion of PostgreSQL ${major}, the fence`, {
    timeout: 480_000,
  }, () => {
    test('is not clean until it is rolled back: it can be committed at any moment', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await using pair = await Pair.start(major);
      await prepare(pair, 'first');
      await prepare(pair, 'second');
      const baseline = await pair.promote();
      assert.equal((await raise(pair, baseline)).clean, false);
      await pair.standby.query(`rollback prepared 'first'`);
      assert.equal((await raise(pair, baseline)).clean, false);
      await pair.standby.query(`rollback prepared 'second'`);
      assert.equal((await raise(pair, baseline)).clean, true);
    });

    test('is not clean while its commit waits for a synchronous standby, nor afterwards', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await using pair = await Pair.start(major);
      await prepare(pair, 'only');
      const baseline = await pair.promote();
      await pair.standby.setConfig({ synchronous_standby_names: 'nobody' });
      const released = async (): Promise<void> => {
        await pair.standby.waitFor(
          `select from pg_stat_activity where wait_event = 'SyncRep'`,
          (rows) => rows.length === 1,
        );
        try {
          assert.equal((await raise(pair, baseline)).clean, false);
        } finally {
          await pair.standby.setConfig({ synchronous_standby_names: '' });
        }
      };
      await Promise.all([pair.standby.query(`commit prepared 'only'`), released()]);
      assert.equal((await raise(pair, baseline)).clean, false);
    });

    test('is not clean when too many transactions came after it to look at each, unless they were looked at as they came', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await using pair = await Pair.start(major);
      await prepare(pair, 'old');
      const connection = await pair.connect();
      try {
        const watch = new RecoveryWatch(connection);
        for (let half = 0; half < 2; half += 1) {
          await watch.look(signal);
          await pair.primary.query(`
            do $$ begin
              for i in 1..5000 loop
                begin insert into numbered values (i); exception when division_by_zero then null; end;
              end loop;
            end $$`);
          await pair.primary.waitForReplay(pair.standby);
        }
        assert.equal((await watch.look(signal)).openXids?.length, 1);
      } finally {
        await connection.close();
      }
      const baseline = await pair.promote();
      assert.equal(baseline.openXids, undefined);
      assert.equal((await raise(pair, baseline)).clean, false);
    });
  });

  test(`a watch that goes on knows of every transaction that is open, old and new, on PostgreSQL ${major}`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    await using pair = await Pair.start(major);
    const connection = await pair.connect();
    try {
      const watch = new RecoveryWatch(connection);
      const openIds = async (): Promise<readonly string[] | undefined> => {
        await pair.primary.waitForReplay(pair.standby);
        const { openXids } = await watch.look(signal);
        assert.deepEqual(openXids, (await new RecoveryWatch(connection).look(signal)).openXids);
        return openXids;
      };
      assert.deepEqual(await openIds(), []);
      await prepare(pair, 'first');
      assert.equal((await openIds())?.length, 1);
      await prepare(pair, 'second');
      await pair.primary.query('insert into numbered values (2)');
      const both = await openIds();
      assert.equal(both?.length, 2);
      await pair.primary.query(`commit prepared 'first'`);
      assert.deepEqual(await openIds(), both?.slice(1));
      await pair.primary.query(`rollback prepared 'second'`);
      assert.deepEqual(await openIds(), []);
    } finally {
      await connection.close();
    }
  });

  test(`a transaction that died with the primary leaves the fence clean on PostgreSQL ${major}, though others overtook it`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    await using pair = await Pair.start(major);
    const { baseline, open } = await dieWithOpenTransaction(pair);
    assert.deepEqual(baseline.openXids, [open]);
    assert.equal((await raise(pair, baseline)).clean, true);
  });
}

test('where no transaction can be prepared, none is looked at', { timeout: TIMEOUT_MS }, async () => {
  await using pair = await Pair.start(18, { max_prepared_transactions: '0' });
  const { baseline } = await dieWithOpenTransaction(pair);
  assert.deepEqual(baseline.openXids, []);
  assert.equal((await raise(pair, baseline)).clean, true);
});
