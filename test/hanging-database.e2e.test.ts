import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { reasonText } from '@slotcast/domain';
import { connectPostgres } from '@slotcast/postgres';
import { waitUntil } from '@slotcast/testkit';
import { position, Scene } from './support/scene.ts';

/** A session that does not come is given up after 10 s: nothing may wait for that. */
const WATCHED_MS = 15_000;
const LONGEST_MS = 8000;

test('a database that lets no session in holds up the slots of no other', { timeout: 240_000 }, async () => {
  await using scene = await Scene.start({ major: 18 });
  await scene.primary.query('create database shop');
  await scene.service('publisher', scene.primary);
  const consumer = await (await scene.service('consumer', scene.standby())).ready();
  await scene.createSlot('app1');
  await scene.createSlot('shop1', { database: 'shop' });
  await scene.createSlot('shop2', { database: 'shop' });
  await scene.untilReady('app1');
  await scene.untilReady('shop1', { database: 'shop' });
  await scene.untilReady('shop2', { database: 'shop' });
  await consumer.stop();
  await scene.confirm('shop1', { database: 'shop' });
  const locking = await connectPostgres({ url: scene.primary.url('shop'), applicationName: 'test' });
  try {
    await locking.run({ text: 'begin' });
    // Without it no session can begin, on the standby neither, where replay holds the lock.
    await locking.run({ text: 'lock table pg_catalog.pg_class in access exclusive mode' });
    await scene.primary.query("select pg_drop_replication_slot('shop2')");
    await scene.confirm('app1');
    await scene.primary.waitForReplay(scene.standby());
    await (await scene.service('consumer', scene.standby())).ready();
    await scene.untilEqual('app1');
    const end = Date.now() + WATCHED_MS;
    while (Date.now() < end) {
      const wanted = await scene.confirm('app1');
      await waitUntil(async () => (await position(scene.standby(), 'app1')) === wanted, {
        intervalMs: 20,
        timeoutMs: LONGEST_MS,
        describe: 'app1 moved although no session in shop begins',
      });
      await sleep(100);
    }
    const { decoding } = scene.records.slot('s1', 'shop1') ?? {};
    assert.match(
      decoding === undefined ? '' : reasonText([decoding]),
      /walsender session on database shop failed: .*timeout/,
    );
  } finally {
    await locking.close();
  }
  await scene.untilEqual('shop1');
  await scene
    .standby()
    .waitFor("select from pg_replication_slots where slot_name = 'shop2'", (rows) => rows.length === 0);
});
