import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLsn } from '@slotcast/domain';
import { waitUntil } from '@slotcast/testkit';
import { position, Scene } from './support/scene.ts';

test('a copy on WAL that its server has left for another timeline is not ready, and is made again', {
  timeout: 240_000,
}, async () => {
  await using scene = await Scene.start({ major: 18, standbys: ['b'] });
  const [b, c] = [scene.standby('b'), await scene.addStandby('c', { bgwriter_lru_maxpages: '0' })];
  const publisher = await (await scene.service('publisher', scene.primary)).ready();
  const consumer = await (await scene.service('consumer', c)).ready();
  await scene.createSlot('app1');
  await scene.untilReady('app1', { node: 'c' });
  // The new primary will have less WAL than the other standby.
  await b.cutOff();
  const left = parseLsn(await b.currentLsn());
  await waitUntil(
    async () => {
      await scene.primary.query('select pg_log_standby_snapshot()');
      await scene.confirm('app1');
      return (scene.records.slot('c', 'app1')?.ownership?.highestLsn ?? 0n) > left;
    },
    { intervalMs: 200, describe: 'the record of a position that the new primary never gets' },
  );
  await Promise.all([consumer.kill(), publisher.kill()]);
  // A move is not saved by itself; decoding past a record of running transactions is what saves a slot.
  await c.query(
    'select pg_replication_slot_advance(slot_name, confirmed_flush_lsn) from pg_replication_slots where slot_name = $1',
    ['app1'],
  );
  await Promise.all([c.kill(), scene.primary.kill()]);
  await b.promote();
  await b.query("select pg_create_logical_replication_slot('app1', 'test_decoding')");
  await b.query("select pg_logical_emit_message(true, 'test', 'something happened'), pg_switch_wal()");
  // No consumer has run beside it, so it is not on record as a standby.
  await (await scene.service('publisher', b, { SLOTCAST_TAKE_OVER: 'true' })).ready();
  await c.setConfig({ restore_command: `cp ${b.dataFolder}/pg_wal/%f %p` });
  await c.follow(b);
  const stands = parseLsn((await position(c, 'app1')) ?? '');
  assert.ok(stands > left, 'the slot outlives the WAL that it stands on');
  const since = Date.now();
  await scene.service('consumer', c);
  await scene.records.waitUntilSaid('c', 'app1', 'catching_up', {
    reason: /waits for the subscriber of slot app1/,
    since,
  });
  assert.equal(await position(c, 'app1'), undefined, 'what stood on the other branch has the name no more');
});
