import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reasonText } from '@slotcast/domain';
import { connectPostgres, type PostgresConnection } from '@slotcast/postgres';
import { type KafkaServer, startKafka, waitUntil } from '@slotcast/testkit';
import { assertNothingMissing, handedOver, protectSlot } from './support/failover.ts';
import { position, Scene } from './support/scene.ts';
import { createRows, insertRows, SlotReader } from './support/slot-reader.ts';

const timeout = 240_000;

/** A cluster with both services beside primary and standby, and the table of rows. */
async function startCluster(
  options: { settings?: Record<string, string>; bootstrapServers?: string } = {},
): Promise<Scene> {
  const scene = await Scene.start({ major: 18, ...options });
  await createRows(scene.primary);
  return scene;
}

test('a slot made seconds before the crash is reported as lost, and so is one whose making still waits; others are handed over', {
  timeout,
}, async () => {
  await using scene = await startCluster();
  const { primary } = scene;
  const standby = scene.standby();
  await scene.bothServices(primary);
  await scene.bothServices(standby);
  await scene.createSlot('old', { plugin: 'pgoutput' });
  await scene.untilReady('old');
  await insertRows(primary, 1, 5);
  await scene.createSlot('fresh', { plugin: 'pgoutput' });
  await scene.records.waitForState('s1', 'fresh', 'catching_up');
  await scene.untilPublished('fresh', 'create');
  await primary.waitForReplay(standby);
  await primary.kill();
  await standby.promote();
  const promotion = await handedOver(scene, 's1');
  assert.deepEqual(
    promotion.lost.map(({ slot }) => slot),
    ['fresh'],
  );
  assert.ok(reasonText(promotion.lost[0]?.reasons ?? []) !== '');
  await scene.records.waitForState('s1', 'fresh', 'absent', { reason: /lost on the promotion/ });
  await assertNothingMissing(standby, 'old');
});

test('a slot that was dropped, and one that was made anew with another plugin, while the standby was down, are right after its return', {
  timeout,
}, async () => {
  await using scene = await startCluster();
  const { primary } = scene;
  const standby = scene.standby();
  await scene.bothServices(primary);
  const { consumer } = await scene.bothServices(standby);
  for (const name of ['goes', 'changes', 'stays']) {
    await scene.createSlot(name, { plugin: 'pgoutput' });
    await scene.untilReady(name);
  }
  await consumer.kill();
  await standby.stop('fast');
  await primary.query(
    "select pg_drop_replication_slot(name) from unnest(array['goes', 'changes']::name[]) as name",
  );
  await scene.untilPublished('changes', 'drop');
  await scene.createSlot('changes', { plugin: 'test_decoding' });
  await standby.start();
  const since = Date.now();
  await scene.service('consumer', standby);
  await scene.untilReady('changes', { since });
  await waitUntil(async () => (await position(standby, 'goes')) === undefined, { describe: 'the drop' });
  await insertRows(primary, 1, 5);
  await primary.waitForReplay(standby);
  await primary.stop('fast');
  await standby.promote();
  assert.deepEqual((await handedOver(scene, 's1')).lost, []);
  const [row] = await standby.query<{ plugin: string }>(
    "select plugin from pg_replication_slots where slot_name = 'changes'",
  );
  assert.equal(row?.plugin, 'test_decoding');
  await assertNothingMissing(standby, 'stays');
});

test('a transaction that was open when the slot moved, and committed before the crash, arrives whole; one that was not committed does not', {
  timeout,
}, async () => {
  await using scene = await startCluster();
  const { primary } = scene;
  const standby = scene.standby();
  await protectSlot(scene);
  const open = (): Promise<PostgresConnection> =>
    connectPostgres({ ...primary.connectionOptions(), applicationName: 'test' });
  const [spanning, lost] = [await open(), await open()];
  await spanning.run({ text: 'begin' });
  await lost.run({ text: 'begin' });
  await spanning.run({ text: 'insert into public.numbers select generate_series(101, 150)' });
  await lost.run({ text: 'insert into public.numbers select generate_series(201, 250)' });
  await scene.confirm('app1');
  await scene.untilEqual('app1');
  await spanning.run({ text: 'insert into public.numbers select generate_series(151, 160)' });
  await spanning.run({ text: 'commit' });
  await primary.waitForReplay(standby);
  await primary.kill();
  await standby.promote();
  await handedOver(scene, 's1');
  const arrived = await assertNothingMissing(standby, 'app1');
  const ids = Array.from({ length: 60 }, (_, index) => 101 + index);
  assert.ok(
    ids.every((id) => arrived.has(id)),
    'the whole transaction',
  );
  assert.ok(!arrived.has(201), 'nothing of the other one');
  await Promise.allSettled([spanning.close(), lost.close()]);
});

test('a prepared transaction survives the failover, and its rows arrive when it is committed', {
  timeout,
}, async () => {
  await using scene = await startCluster({ settings: { max_prepared_transactions: '10' } });
  const { primary } = scene;
  const standby = scene.standby();
  await scene.bothServices(primary);
  await scene.bothServices(standby);
  await scene.createSlot('app1', { twoPhase: true });
  await scene.untilReady('app1');
  await primary.query(
    'begin; insert into numbers values (7); prepare transaction $$held$$'.replaceAll('$$', "'"),
  );
  await primary.waitForReplay(standby);
  await primary.kill();
  await standby.promote();
  assert.deepEqual((await handedOver(scene, 's1')).lost, []);
  await standby.query("commit prepared 'held'");
  const changes = await standby.query<{ data: string }>(
    "select data from pg_logical_slot_get_changes('app1', null, null)",
  );
  const text = changes.map(({ data }) => data).join('\n');
  assert.match(text, /id\[integer\]:7/);
  assert.match(text, /COMMIT PREPARED 'held'/);
});

test('Kafka may be down during the failover: the fence stands at once, the record and the publisher come later', {
  timeout,
}, async () => {
  await using kafka: KafkaServer = await startKafka();
  await using scene = await startCluster({ bootstrapServers: kafka.bootstrapServers });
  const { primary } = scene;
  const standby = scene.standby();
  const { there: old, here } = await protectSlot(scene);
  await standby.cutOff();
  const reader = new SlotReader({ server: primary, slot: 'app1' });
  await insertRows(primary, 1, 5);
  await reader.until([1, 2, 3, 4, 5]);
  await reader.stop();
  const confirmed = await scene.untilPositionPublished('app1');
  await kafka.kill();
  await primary.kill();
  await old.publisher.kill();
  await old.consumer.kill();
  await standby.promote();
  // Each half raises it for itself; a commit in between would not be behind the fence of the other.
  await Promise.all([here.consumer, here.publisher].map((half) => half.logged('raised the WAL fence')));
  const [{ past } = { past: false }] = await standby.query<{ past: boolean }>(
    `select pg_current_wal_insert_lsn() >= '${confirmed}'::pg_lsn as past`,
  );
  assert.equal(past, true);
  await insertRows(standby, 11, 15);
  await kafka.start();
  const promotion = await handedOver(scene, 's1');
  assert.deepEqual(
    promotion.ahead.map(({ slot, outcome }) => [slot, outcome]),
    [['app1', 'fenced']],
  );
  await assertNothingMissing(standby, 'app1');
  await scene.confirm('app1', { server: standby });
  await scene.untilPositionPublished('app1', standby);
});

test('a consumer that was dead during the failover is stood in for by the publisher', {
  timeout,
}, async () => {
  await using scene = await startCluster();
  const { primary } = scene;
  const standby = scene.standby();
  const { consumer, publisher } = (await protectSlot(scene)).here;
  await consumer.kill();
  await insertRows(primary, 1, 5);
  const confirmed = await scene.confirm('app1');
  await scene.untilPositionPublished('app1');
  await primary.waitForReplay(standby);
  assert.notEqual(await position(standby, 'app1'), confirmed);
  await primary.kill();
  await standby.promote();
  assert.deepEqual((await handedOver(scene, 's1')).lost, []);
  assert.equal(
    await position(standby, 'app1'),
    confirmed,
    'the slot stands where its subscriber had confirmed',
  );
  await publisher.ready();
  const late = await scene.service('consumer', standby);
  await late.ready();
  await insertRows(standby, 6, 10);
  const arrived = await assertNothingMissing(standby, 'app1', { earlier: new Set([1, 2, 3, 4, 5]) });
  assert.ok([6, 7, 8, 9, 10].every((id) => arrived.has(id)));
});

test('a consumer that slept through the failover leaves slots alone that have moved on since', {
  timeout,
}, async () => {
  await using scene = await startCluster();
  const { primary } = scene;
  const standby = scene.standby();
  const { consumer, publisher } = (await protectSlot(scene)).here;
  await primary.waitForReplay(standby);
  await primary.kill();
  consumer.process.signal('SIGSTOP');
  await standby.promote();
  const done = await handedOver(scene, 's1');
  await publisher.ready();
  await insertRows(standby, 1, 10);
  const confirmed = await scene.confirm('app1', { server: standby });
  await scene.untilPositionPublished('app1', standby);
  consumer.process.signal('SIGCONT');
  const asleep = async (): Promise<boolean> =>
    (await consumer.get('/readyz'))?.body.includes('asleep') === true;
  await waitUntil(asleep, { describe: 'the consumer to see the primary', timeoutMs: 60_000 });
  assert.equal(await position(standby, 'app1'), confirmed);
  assert.deepEqual(scene.records.node('s1')?.promotion?.ahead, done.ahead);
});

test('a database that was dropped takes its slots along, and the failover of the others is not disturbed', {
  timeout,
}, async () => {
  await using scene = await startCluster();
  const { primary } = scene;
  const standby = scene.standby();
  await primary.query('create database shop');
  await scene.bothServices(primary);
  await scene.bothServices(standby);
  await scene.createSlot('app1', { plugin: 'pgoutput' });
  await scene.createSlot('shop1', { database: 'shop' });
  await scene.untilReady('app1');
  await scene.untilReady('shop1', { database: 'shop' });
  await primary.query("select pg_drop_replication_slot('shop1')");
  await primary.query('drop database shop with (force)');
  await insertRows(primary, 1, 5);
  await primary.waitForReplay(standby);
  await waitUntil(async () => (await position(standby, 'shop1')) === undefined, {
    describe: 'the drop of shop1',
  });
  await primary.kill();
  await standby.promote();
  assert.deepEqual((await handedOver(scene, 's1')).lost, []);
  await assertNothingMissing(standby, 'app1');
});

for (const where of ['primary', 'standby'] as const) {
  test(`a slot that lost its WAL on the ${where} does not disturb the failover of another`, {
    timeout,
  }, async () => {
    await using scene = await startCluster();
    const { primary } = scene;
    const standby = scene.standby();
    await scene.bothServices(primary);
    const { consumer } = await scene.bothServices(standby);
    await scene.createSlot('loses');
    await scene.createSlot('app1', { plugin: 'pgoutput' });
    await scene.untilReady('loses');
    await scene.untilReady('app1');
    const server = where === 'primary' ? primary : standby;
    if (where === 'standby') {
      await consumer.kill();
    }
    await scene.untilKeepsOnlyFrom('app1', await scene.switchWal(4));
    await primary.query('checkpoint');
    await primary.waitForReplay(standby);
    if (where === 'primary') {
      await scene.untilEqual('app1');
    }
    await server.setConfig({ max_slot_wal_keep_size: '1MB', wal_keep_size: '0' });
    await server.query('checkpoint');
    const lost = "select from pg_replication_slots where slot_name = 'loses' and wal_status = 'lost'";
    await server.waitFor(lost, (rows) => rows.length === 1);
    if (where === 'standby') {
      const since = Date.now();
      await scene.service('consumer', standby);
      await scene.untilReady('loses', { since });
      await scene.untilReady('app1', { since });
    } else {
      await scene.records.waitForState('s1', 'loses', 'invalidated');
    }
    await insertRows(primary, 1, 5);
    await primary.waitForReplay(standby);
    await primary.kill();
    await standby.promote();
    const promotion = await handedOver(scene, 's1');
    assert.deepEqual(promotion.lost, []);
    await assertNothingMissing(standby, 'app1');
  });
}
