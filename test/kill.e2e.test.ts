import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectPostgres } from '@slotcast/postgres';
import { waitUntil } from '@slotcast/testkit';
import { position, Scene } from './support/scene.ts';

const timeout = 240_000;

/** Points in the consumer's work, by what it logs when it has come there. */
const consumerPoints = ['started', 'replayed the topics', 'recorded ownership', 'made slots'];

for (const point of consumerPoints) {
  test(`a consumer killed once it ${point} ends, after a restart, with the slots of the primary`, {
    timeout,
  }, async () => {
    await using scene = await Scene.start({ major: 18 });
    await (await scene.service('publisher', scene.primary)).ready();
    await scene.createSlot('app1');
    const confirming = scene.keepConfirming('app1');
    const consumer = await scene.service('consumer', scene.standby());
    await consumer.logged(point);
    await consumer.kill();
    await scene.service('consumer', scene.standby());
    await scene.records.waitForState('s1', 'app1', 'ready');
    await confirming.stop();
    await scene.untilEqual('app1');
    const probes = "select slot_name from pg_replication_slots where slot_name like 'slotcast_tmp%'";
    await scene.standby().waitFor(probes, (rows) => rows.length === 0);
  });
}

test('a consumer killed again and again while slots move, come and go ends with the slots of the primary', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  await (await scene.service('publisher', scene.primary)).ready();
  await scene.createSlot('stays');
  await scene.createSlot('goes');
  const confirming = [scene.keepConfirming('stays'), scene.keepConfirming('goes')];
  let consumer = await (await scene.service('consumer', scene.standby())).ready();
  await scene.records.waitForState('s1', 'stays', 'ready');
  await scene.records.waitForState('s1', 'goes', 'ready');
  for (let kills = 0; kills < 4; kills += 1) {
    await consumer.kill();
    consumer = await scene.service('consumer', scene.standby());
    if (kills === 2) {
      await confirming[1]?.stop();
      await scene.primary.query("select pg_drop_replication_slot('goes')");
      await scene.createSlot('comes');
      confirming.push(scene.keepConfirming('comes'));
    }
  }
  await scene.records.waitForState('s1', 'comes', 'ready');
  await Promise.all(confirming.map((each) => each.stop()));
  await scene.untilEqual('stays');
  await scene.untilEqual('comes');
  assert.equal(await position(scene.standby(), 'goes'), undefined);
});

test('consumers killed while a transaction is open on the primary do not use up the slots of the standby', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  await scene.primary.query('create database other');
  await scene.createSlot('app1');
  await scene.createSlot('elsewhere', { database: 'other' });
  await (await scene.service('publisher', scene.primary)).ready();
  const transaction = await connectPostgres({ url: scene.primary.url(), applicationName: 'test' });
  await transaction.run({ text: 'begin' });
  await transaction.run({ text: 'select pg_current_xact_id()' });
  const probes = `
    select active_pid as pid from pg_replication_slots where slot_name like 'slotcast_tmp%' order by 1`;
  let left: readonly unknown[] = [];
  for (let kills = 0; kills < 3; kills += 1) {
    const consumer = await scene.service('consumer', scene.standby());
    const before = JSON.stringify(left);
    left = await scene
      .standby()
      .waitFor(probes, (rows) => rows.length === 2 && JSON.stringify(rows) !== before);
    await consumer.kill();
  }
  await scene.standby().waitFor(probes, (rows) => rows.length === 0);
  await transaction.close();
});

for (const point of ['started', 'claimed the topic', 'published']) {
  test(`a publisher killed once it ${point} leaves nothing unsaid after a restart`, { timeout }, async () => {
    await using scene = await Scene.start({ major: 18 });
    await scene.service('consumer', scene.standby());
    await scene.createSlot('app1');
    const confirming = scene.keepConfirming('app1');
    const publisher = await scene.service('publisher', scene.primary, { SLOTCAST_LOG_LEVEL: 'debug' });
    await publisher.logged(point);
    await publisher.kill();
    await scene.service('publisher', scene.primary);
    await scene.records.waitForState('s1', 'app1', 'ready');
    await confirming.stop();
    await scene.untilEqual('app1');
  });
}

test('a slot dropped while publisher and consumer were dead is dropped on return, and a foreign one is left alone', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { publisher, consumers } = await scene.startServices();
  await scene.createSlot('app1');
  await scene.untilReady('app1');
  await publisher.kill();
  await consumers.get('s1')?.kill();
  await scene.primary.query("select pg_drop_replication_slot('app1')");
  await scene.createForeignSlot('foreign');
  await scene.startServices();
  await waitUntil(async () => (await position(scene.standby(), 'app1')) === undefined, {
    describe: 'the drop',
  });
  assert.notEqual(await position(scene.standby(), 'foreign'), undefined);
});
