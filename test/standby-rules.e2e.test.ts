import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { test } from 'node:test';
import { type NodeSlotStatus, reasonText } from '@slotcast/domain';
import { connectPostgres } from '@slotcast/postgres';
import { confirmFalsely, PluginFolder, type PostgresServer, waitUntil } from '@slotcast/testkit';
import { position, Scene } from './support/scene.ts';

const timeout = 240_000;

test('a standby whose replay is paused keeps the slot state of its own point in WAL', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  await scene.startServices();
  await scene.createSlot('app1');
  await scene.untilReady('app1');
  await scene.untilEqual('app1');
  await scene.standby().pauseReplay();
  const before = await position(scene.standby(), 'app1');
  await scene.createSlot('app2');
  await scene.confirm('app1');
  await scene.primary.query("select pg_drop_replication_slot('app1')");
  await scene.untilPublished('app1', 'drop');
  assert.equal(
    await position(scene.standby(), 'app1'),
    before,
    'neither moved nor dropped before replay gets there',
  );
  await scene.standby().resumeReplay();
  await scene
    .standby()
    .waitFor("select 1 from pg_replication_slots where slot_name = 'app1'", (rows) => rows.length === 0);
});

test('an open transaction on the primary holds up a new slot, says so, and nothing else', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  await scene.startServices();
  await scene.createSlot('app1');
  await scene.untilReady('app1');
  await scene.primary.query('create table t (id int)');
  const client = await connectPostgres({ url: scene.primary.url(), applicationName: 'test' });
  try {
    await client.run({ text: 'begin' });
    await client.run({ text: 'insert into public.t values (1)' });
    const [open] = await client.run<{ xid: string }>({ text: 'select pg_current_xact_id()::text as xid' });
    // A copy does not wait on the primary; the search on the standby starts now.
    await scene.primary.query("select pg_copy_logical_replication_slot('app1', 'app2')");
    await scene.records.waitForState('s1', 'app2', 'catching_up', {
      reason: new RegExp(`the oldest is ${open?.xid}, open since \\S+Z in process \\d+$`),
    });
    await scene.confirm('app1');
    await scene.untilEqual('app1');
  } finally {
    await client.run({ text: 'commit' });
    await client.close();
  }
  await scene.untilReady('app2');
});

test('slots with two_phase have it on the standby, and are ready only after their subscribers have passed them', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18, settings: { max_prepared_transactions: '5' } });
  await scene.startServices();
  const names = ['decoded', 'subscribed'];
  await scene.createSlot('decoded', { twoPhase: true });
  // Its copy is made two_phase by a stream that asks for it.
  await scene.createSlot('subscribed', { twoPhase: true, plugin: 'pgoutput' });
  const confirming = names.map((name) => scene.keepConfirming(name));
  for (const name of names) {
    await scene.records.waitForState('s1', name, 'ready');
  }
  for (const each of confirming) {
    await each.stop();
  }
  for (const name of names) {
    await scene.untilEqual(name);
  }
  const rows = await scene
    .standby()
    .query<{ two_phase: boolean }>('select two_phase from pg_replication_slots where not temporary');
  assert.deepEqual(rows, [{ two_phase: true }, { two_phase: true }]);
});

test('a copy whose plugin was removed from the standby is blocked, though it still moves', {
  timeout,
}, async () => {
  await using plugins = await PluginFolder.create();
  const { settings } = plugins;
  await using scene = await Scene.start({ major: 18, settings });
  await scene.standby().setConfig(settings);
  await plugins.install(scene.primary);
  const extra = { SLOTCAST_PLUGINS: 'my_plugin' };
  await (await scene.service('publisher', scene.primary)).ready();
  const consumer = await (await scene.service('consumer', scene.standby(), extra)).ready();
  await scene.createSlot('app1', { plugin: 'my_plugin' });
  await scene.untilReady('app1');
  // The library is tried once a minute, and at the start.
  await consumer.stop();
  await rm(plugins.library);
  await scene.service('consumer', scene.standby(), extra);
  await scene.records.waitForState('s1', 'app1', 'blocked', {
    reason: /its plugin "my_plugin" cannot be loaded .*could not access file "my_plugin".*install it/,
  });
  await scene.confirm('app1');
  await scene.untilEqual('app1');
  const decodes = /moving it without decoding failed: .*58P01/;
  await waitUntil(() => decodes.test(decodingText(scene.records.slot('s1', 'app1'))), {
    describe: 'why the slot is advanced by decoding',
  });
});

test('slots of two databases are made and moved, stay ready when their names are swapped, and go with their database without harm', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  await scene.primary.query('create database other');
  await scene.primary.query('create database third');
  await scene.startServices();
  await scene.createSlot('app1');
  await scene.createSlot('elsewhere', { database: 'other' });
  await scene.untilReady('app1');
  await scene.untilReady('elsewhere', { database: 'other' });
  const [row] = await scene
    .standby()
    .query<{ database: string }>("select database from pg_replication_slots where slot_name = 'elsewhere'");
  assert.equal(row?.database, 'other');
  const transaction = await connectPostgres({ url: scene.primary.url(), applicationName: 'test' });
  await transaction.run({ text: 'begin' });
  await transaction.run({ text: 'select pg_current_xact_id()' });
  const renamed = Date.now();
  for (const step of ['other rename to old', 'third rename to other', 'old rename to third']) {
    await scene.primary.query(`alter database ${step}`);
  }
  // While the transaction is open no slot can be made, so these are the copies from before.
  await scene.untilReady('elsewhere', { database: 'third', since: renamed });
  await scene.untilReady('app1', { since: renamed });
  await scene.untilEqual('elsewhere');
  await transaction.close();
  await scene.primary.query("select pg_drop_replication_slot('elsewhere')", [], 'third');
  await scene.primary.query('drop database third with (force)');
  await scene
    .standby()
    .waitFor("select 1 from pg_replication_slots where slot_name = 'elsewhere'", (rows) => rows.length === 0);
  await scene.confirm('app1');
  await scene.untilEqual('app1');
});

test('a slot that slotcast did not make is a conflict, is left alone, and is replaced where that was asked for', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  await scene.createForeignSlot('app1');
  const foreign = await position(scene.standby(), 'app1');
  await scene.createSlot('app1');
  const { consumers } = await scene.startServices();
  await scene.records.waitForState('s1', 'app1', 'conflict', { reason: /SLOTCAST_ON_CONFLICT/ });
  await scene.confirm('app1');
  assert.equal(await position(scene.standby(), 'app1'), foreign);
  await consumers.get('s1')?.stop();
  await scene.service('consumer', scene.standby(), { SLOTCAST_ON_CONFLICT: 'replace' });
  await scene.untilReady('app1');
  await scene.untilEqual('app1');
});

test('a slot invalidated on the primary is dropped and reported', { timeout }, async () => {
  await using scene = await Scene.start({ major: 18 });
  await scene.startServices();
  await scene.createSlot('app1');
  await scene.untilReady('app1');
  await loseOldWal(scene, scene.primary);
  await scene.records.waitForState('s1', 'app1', 'invalidated', { reason: /lost on the primary/ });
  await scene
    .standby()
    .waitFor("select 1 from pg_replication_slots where slot_name = 'app1'", (rows) => rows.length === 0);
});

test('a slot invalidated on the standby only is made again', { timeout }, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { consumers } = await scene.startServices();
  await scene.createSlot('app1');
  await scene.untilReady('app1');
  await consumers.get('s1')?.stop();
  await loseOldWal(scene, scene.standby());
  const lost = "select 1 from pg_replication_slots where slot_name = 'app1' and wal_status = 'lost'";
  await scene.standby().waitFor(lost, (rows) => rows.length === 1);
  await scene.service('consumer', scene.standby());
  const confirming = scene.keepConfirming('app1');
  const whole = "select 1 from pg_replication_slots where slot_name = 'app1' and wal_status <> 'lost'";
  await scene.standby().waitFor(whole, (rows) => rows.length === 1);
  await confirming.stop();
  await scene.untilEqual('app1');
});

/** Has a server give up the WAL that its idle slots hold back. */
async function loseOldWal(scene: Scene, server: PostgresServer): Promise<void> {
  await scene.switchWal(4);
  await scene.primary.query('checkpoint');
  await scene.primary.waitForReplay(scene.standby());
  await server.setConfig({ max_slot_wal_keep_size: '1MB', wal_keep_size: '0' });
  await server.query('checkpoint');
}

test('a filter that no longer selects a slot has it dropped at the next start, unless extra slots are kept', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { consumers } = await scene.startServices();
  await scene.createSlot('app1');
  await scene.createSlot('app2');
  await scene.untilReady('app1');
  await scene.untilReady('app2');
  await consumers.get('s1')?.stop();
  const keeping = await scene.service('consumer', scene.standby(), {
    SLOTCAST_SLOTS: 'app1',
    SLOTCAST_DROP_EXTRA_SLOTS: 'false',
  });
  await scene.records.waitForState('s1', 'app2', 'absent', { reason: /SLOTCAST_DROP_EXTRA_SLOTS/ });
  assert.notEqual(await position(scene.standby(), 'app2'), undefined);
  await keeping.stop();
  await scene.service('consumer', scene.standby(), { SLOTCAST_SLOTS: 'app1' });
  await scene
    .standby()
    .waitFor("select 1 from pg_replication_slots where slot_name = 'app2'", (rows) => rows.length === 0);
  assert.notEqual(await position(scene.standby(), 'app1'), undefined);
});

test("slots that PostgreSQL's own slot synchronisation keeps are native and never touched, others are ours", {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  await scene.standby().setConfig({
    sync_replication_slots: 'on',
    primary_conninfo: `${(await scene.standby().query<{ c: string }>("select current_setting('primary_conninfo') as c"))[0]?.c} dbname=postgres`,
  });
  await scene.primary.query(
    "select pg_create_logical_replication_slot('servers', 'pgoutput', failover => true)",
  );
  await scene.createSlot('ours');
  await scene.startServices();
  await scene.records.waitForState('s1', 'servers', 'native');
  await scene.untilReady('ours');
  await scene
    .standby()
    .waitFor<{ synced: boolean }>(
      "select synced from pg_replication_slots where slot_name = 'servers'",
      ([row]) => row?.synced === true,
    );
});

test('a record with garbage in its value, header or key is skipped, and later records are still applied', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { consumers } = await scene.startServices();
  await scene.createSlot('app1');
  await scene.untilReady('app1');
  const writer = await scene.log.claim(`garbage.${scene.cluster}`);
  const topic = scene.topics.slots;
  await writer.append([
    { topic, key: bytes('app1'), value: bytes('garbage'), headers: new Map() },
    {
      topic,
      key: bytes('@manifest'),
      value: bytes('garbage'),
      headers: new Map([['op', bytes('manifest')]]),
    },
    {
      topic,
      key: bytes('NOT A SLOT'),
      value: null,
      headers: new Map([['op', new Uint8Array([0xff, 0xfe])]]),
    },
  ]);
  await writer.close();
  await scene.confirm('app1');
  await scene.untilEqual('app1');
  const metrics = await consumers.get('s1')?.get('/metrics');
  assert.match(metrics?.body ?? '', /^slotcast_consumer_malformed_records_total 3$/m);
  assert.match(metrics?.body ?? '', /^slotcast_consumer_invariant_violations_total 0$/m);
});

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

test('a slot whose client confirmed what is no position stops itself only, on the primary and on the standby, and is told of', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { publisher, consumers } = await scene.startServices();
  await scene.createSlot('app1');
  await scene.createSlot('app2');
  await scene.untilReady('app1');
  await scene.untilReady('app2');
  await scene.untilEqual('app1');
  const kept = await position(scene.standby(), 'app1');
  const faulty = { slot: 'app1', position: 2n ** 64n - 1n };

  await confirmFalsely({ url: scene.primary.url(), ...faulty });
  await scene.confirm('app2');
  await scene.untilEqual('app2');
  const told = await waitUntil(() => scene.records.node(scene.primary.name)?.unreadableSlots?.[0], {
    describe: 'the publisher to tell of the slot',
  });
  assert.deepEqual([told.slot, /FFFFFFFF\/FFFFFFFF/.test(reasonText([told.reason]))], ['app1', true]);
  assert.equal(await position(scene.standby(), 'app1'), kept, 'the copy stays where it was');

  await confirmFalsely({ url: scene.standby().url(), ...faulty });
  await scene.records.waitForState('s1', 'app1', 'blocked', { reason: /FFFFFFFF\/FFFFFFFF/ });
  await scene.confirm('app2');
  await scene.untilEqual('app2');
  assert.notEqual(await position(scene.standby(), 'app1'), undefined);
  for (const service of [publisher, consumers.get('s1')]) {
    assert.ok(service?.process.isRunning);
  }
});

function decodingText(status: NodeSlotStatus | undefined): string {
  return status?.decoding === undefined ? '' : reasonText([status.decoding]);
}
