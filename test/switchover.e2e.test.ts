import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { orphanName, parseSlotName } from '@slotcast/domain';
import { findPgRewind, waitUntil } from '@slotcast/testkit';
import { runCommand } from './support/command.ts';
import { assertNothingMissing, handedOver, protectSlot, readyAsStandby } from './support/failover.ts';
import { whyOf } from './support/node-records.ts';
import { position, Scene } from './support/scene.ts';
import type { ServiceProcess } from './support/service-process.ts';
import { createRows, insertRows, Load, SlotReader } from './support/slot-reader.ts';

const timeout = 240_000;

for (const major of [16, 17, 18] as const) {
  describe(`PostgreSQL ${major}`, () => {
    test('a planned switchover and back again: consumers miss nothing, old slots are adopted', {
      timeout,
    }, async () => {
      await using scene = await Scene.start({ major });
      const { primary } = scene;
      const standby = scene.standby();
      await createRows(primary);
      await protectSlot(scene);
      await insertRows(primary, 1, 20);
      const first = new SlotReader({ server: primary, slot: 'app1' });
      await first.until([5]);
      await first.stop();

      await primary.stop('fast');
      await standby.promote();
      const there = await handedOver(scene, 's1');
      assert.deepEqual([there.ahead, there.lost, there.unheard], [[], [], undefined]);
      await insertRows(standby, 21, 30);
      const since = Date.now();
      await primary.follow(standby);
      const second = await assertNothingMissing(standby, 'app1', { earlier: first.received });
      const confirming = scene.keepConfirming('app1', { server: standby });
      await readyAsStandby(scene, primary.name, { slot: 'app1', since });
      await confirming.stop();

      await primary.waitForReplay(primary, await standby.currentLsn());
      await standby.stop('fast');
      await primary.promote();
      const back = await handedOver(scene, primary.name);
      assert.equal(back.timeline, there.timeline + 1);
      assert.deepEqual([back.ahead, back.lost, back.unheard], [[], [], undefined]);
      await insertRows(primary, 31, 40);
      await standby.follow(primary);
      await assertNothingMissing(primary, 'app1', { earlier: second });
      await scene.records.waitForState('s1', 'app1', 'ready');
    });

    test('the primary is killed under load: ten slots in two databases are handed over', {
      timeout,
    }, async () => {
      await using scene = await Scene.start({ major });
      const { primary } = scene;
      const standby = scene.standby();
      await primary.query('create database shop');
      const databases = ['postgres', 'shop'];
      const slots = databases.flatMap((database) =>
        [1, 2, 3, 4, 5].map((number) => ({ database, slot: `${database}_${number}` })),
      );
      for (const database of databases) {
        await createRows(primary, database);
      }
      await scene.bothServices(primary);
      await scene.bothServices(standby);
      for (const { slot, database } of slots) {
        await scene.createSlot(slot, { plugin: 'pgoutput', database });
      }
      const readers = slots.map((options) => new SlotReader({ server: primary, ...options }));
      const loads = databases.map((database) => new Load(primary, { from: 1, database }));
      for (const { slot } of slots) {
        await scene.records.waitForState('s1', slot, 'ready');
      }
      await primary.kill();
      await Promise.all(loads.map((load) => load.stop()));
      await Promise.all(readers.map((reader) => reader.stop()));

      await standby.promote();
      const promotion = await handedOver(scene, 's1');
      assert.deepEqual(promotion.lost, []);
      for (const [index, { slot, database }] of slots.entries()) {
        const earlier = readers[index]?.received ?? new Set();
        await assertNothingMissing(standby, slot, { earlier, database });
      }
    });
  });
}

/**
 * `app2`, which the new primary `s1` took over without, on the standby `s2`: kept, set aside when its subscriber makes it anew, and dropped when a person gives it up.
 */
async function assertOrphanKept(scene: Scene, publisher: ServiceProcess): Promise<void> {
  const [s1, s2] = [scene.standby('s1'), scene.standby('s2')];
  const record = () => scene.records.slot('s2', 'app2');
  await waitUntil(() => record()?.orphaned === true, {
    describe: () => `app2 orphaned on s2 (${whyOf(record())})`,
  });
  const [stood, old] = [await position(s2, 'app2'), record()?.ownership?.incarnation];
  assert.ok(stood !== undefined && old !== undefined);
  const aside = orphanName(parseSlotName('app2'), old);

  await s1.query("select pg_create_logical_replication_slot('app2', 'test_decoding')");
  await waitUntil(() => scene.records.slot('s2', aside)?.orphaned === true, {
    describe: () => `${aside} on s2 (${whyOf(record())})`,
  });
  assert.equal(await position(s2, aside), stood);
  const confirming = scene.keepConfirming('app2', { server: s1 });
  await scene.records.waitForState('s2', 'app2', 'ready');
  await confirming.stop();
  assert.notDeepEqual(record()?.ownership?.incarnation, old);

  const { code, stdout, stderr } = await runCommand(['forget', 'app2'], {
    ...scene.environment(s1),
    SLOTCAST_HTTP_LISTEN: publisher.listen,
  });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /gave up 1 orphaned slot of the name app2/);
  await waitUntil(async () => (await position(s2, aside)) === undefined, { describe: `${aside} dropped` });
  assert.notEqual(await position(s2, 'app2'), undefined);
}

test('the old primary comes back from a new base backup, and a second standby keeps its slots through the failover', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18, standbys: ['s1', 's2'] });
  const { primary } = scene;
  const [s1, s2] = [scene.standby('s1'), scene.standby('s2')];
  await createRows(primary);
  await scene.bothServices(primary);
  const { publisher } = await scene.bothServices(s1, { SLOTCAST_SLOTS: 'app1' });
  await scene.bothServices(s2);
  await scene.createSlot('app1', { plugin: 'pgoutput' });
  await scene.createSlot('app2');
  await scene.untilReady('app1');
  for (const slot of ['app1', 'app2']) {
    await scene.untilReady(slot, { node: 's2' });
  }
  await insertRows(primary, 1, 10);
  await primary.waitForReplay(s1);
  await primary.waitForReplay(s2);
  const kept = scene.records.slot('s2', 'app1')?.ownership?.incarnation;
  await primary.kill();
  await s1.promote();
  await handedOver(scene, 's1');
  await s2.follow(s1);
  const since = Date.now();
  await primary.recloneFrom(s1);
  const arrived = await assertNothingMissing(s1, 'app1');
  await scene.confirm('app1', { server: s1 });
  await scene.records.waitForState('s2', 'app1', 'ready');
  assert.deepEqual(scene.records.slot('s2', 'app1')?.ownership?.incarnation, kept, 'it is the same slot');
  await assertOrphanKept(scene, publisher);
  const confirming = scene.keepConfirming('app1', { server: s1 });
  await readyAsStandby(scene, primary.name, { slot: 'app1', since });
  await confirming.stop();

  await insertRows(s1, 11, 20);
  await s1.waitForReplay(s2);
  await s1.stop('fast');
  await s2.promote();
  await handedOver(scene, 's2');
  await assertNothingMissing(s2, 'app1', { earlier: arrived });
});

test('the old primary comes back with pg_rewind, with WAL of its own, and takes over again', {
  timeout,
}, async (context) => {
  const pgRewind = await findPgRewind();
  if ('missing' in pgRewind) {
    context.skip(pgRewind.missing);
    return;
  }
  await using scene = await Scene.start({ major: 18 });
  const { primary } = scene;
  const standby = scene.standby();
  await createRows(primary);
  await protectSlot(scene);
  await scene.createSlot('app2');
  await scene.untilReady('app2');
  await insertRows(primary, 1, 10);
  await primary.waitForReplay(standby);
  await standby.cutOff();
  await insertRows(primary, 101, 110);
  await primary.kill();
  await standby.promote();
  assert.deepEqual((await handedOver(scene, 's1')).lost, []);
  await insertRows(standby, 11, 20);

  const since = Date.now();
  await primary.rewindTo(standby, pgRewind.executable);
  const first = await assertNothingMissing(standby, 'app1');
  const confirming = ['app1', 'app2'].map((slot) => scene.keepConfirming(slot, { server: standby }));
  for (const slot of ['app1', 'app2']) {
    await readyAsStandby(scene, primary.name, { slot, since });
  }
  await Promise.all(confirming.map((confirmed) => confirmed.stop()));

  await standby.waitForReplay(primary);
  await standby.stop('fast');
  await primary.promote();
  const back = await handedOver(scene, primary.name);
  assert.deepEqual([back.ahead, back.lost, back.unheard], [[], [], undefined]);
  await insertRows(primary, 21, 30);
  await assertNothingMissing(primary, 'app1', { earlier: first });
});

test('a crash restart of the primary without a failover drops nothing and makes nothing anew', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { primary } = scene;
  const { publisher } = await scene.bothServices(primary);
  await scene.bothServices(scene.standby());
  await scene.createSlot('app1');
  await scene.untilReady('app1');
  const before = scene.records.slot('s1', 'app1')?.ownership;
  const confirmed = await scene.confirm('app1');
  await scene.untilEqual('app1');
  await primary.kill();
  await primary.start();
  assert.notEqual(await position(primary, 'app1'), confirmed, 'confirmed_flush_lsn went back');
  await publisher.ready();
  await scene.records.waitForState('s1', 'app1', 'ready');
  assert.equal(await position(scene.standby(), 'app1'), confirmed, 'what was confirmed once stays confirmed');
  await scene.confirm('app1');
  await scene.untilEqual('app1');
  assert.deepEqual(scene.records.slot('s1', 'app1')?.ownership, before);
});
