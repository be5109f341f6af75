import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CANARY_SLOT } from '@slotcast/domain';
import { type PostgresServer, waitUntil } from '@slotcast/testkit';
import { metric } from './support/metric.ts';
import { position, Scene } from './support/scene.ts';
import type { ServiceProcess } from './support/service-process.ts';

const timeout = 240_000;
const ON = { SLOTCAST_CANARY: 'on' };
const LAG = 'slotcast_consumer_canary_lag_seconds';
const MEASURED = 'slotcast_consumer_canary_seconds_count';
const RECEIVED = 'slotcast_publisher_canary_seconds_count';

interface Services {
  readonly publisher: ServiceProcess;
  readonly consumer: ServiceProcess;
}

async function startServices(
  scene: Scene,
  publisher: Readonly<Record<string, string>> = ON,
  consumer: Readonly<Record<string, string>> = {},
): Promise<Services> {
  return {
    publisher: await (await scene.service('publisher', scene.primary, publisher)).ready(),
    consumer: await (await scene.service('consumer', scene.standby(), consumer)).ready(),
  };
}

/** Waits until the metric has grown by this much. */
async function grows(service: ServiceProcess, name: string, by = 2): Promise<void> {
  const before = (await metric(service, name)) ?? 0;
  await waitUntil(async () => ((await metric(service, name)) ?? 0) >= before + by, {
    describe: () => `${name} beyond ${before + by}`,
  });
}

/** Waits until the lag satisfies the condition. */
async function untilLag(service: ServiceProcess, condition: (seconds: number) => boolean): Promise<void> {
  let seen: number | undefined;
  await waitUntil(
    async () => {
      seen = await metric(service, LAG);
      return seen !== undefined && condition(seen);
    },
    { intervalMs: 20, describe: () => `a lag as expected (now ${seen} s)` },
  );
}

async function canaryIsGone(server: PostgresServer): Promise<void> {
  await server.waitFor(
    `select from pg_replication_slots where slot_name = '${CANARY_SLOT}'`,
    (rows) => rows.length === 0,
  );
}

for (const major of [16, 18] as const) {
  describe(`PostgreSQL ${major}`, () => {
    test('with idle applications the end-to-end lag is measured, rises while the consumer is halted, and recovers', {
      timeout,
    }, async () => {
      await using scene = await Scene.start({ major });
      const { publisher, consumer } = await startServices(scene);
      await grows(publisher, RECEIVED);
      assert.equal(await metric(publisher, 'slotcast_publisher_canary_up'), 1);
      assert.equal(await metric(publisher, 'slotcast_publisher_canary_enabled'), 1);
      await grows(consumer, MEASURED, 3);
      await untilLag(consumer, (seconds) => seconds < 1);
      await waitUntil(() => (scene.records.node('s1')?.canary?.lagMs ?? 1000) < 1000, {
        describe: () => `the lag in the record of s1 (${JSON.stringify(scene.records.node('s1')?.canary)})`,
      });
      await scene.records.waitForState('s1', CANARY_SLOT, 'ready');

      consumer.process.signal('SIGSTOP');
      await sleep(4000);
      consumer.process.signal('SIGCONT');
      await untilLag(consumer, (seconds) => seconds > 2);
      await untilLag(consumer, (seconds) => seconds < 1);
    });
  });
}

test('a change that replay has not reached counts as lag before it is measured', { timeout }, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { consumer } = await startServices(scene);
  await grows(consumer, MEASURED);
  await scene.standby().pauseReplay();
  await untilLag(consumer, (seconds) => seconds > 2);
  await scene.standby().resumeReplay();
  await untilLag(consumer, (seconds) => seconds < 1);
});

test('the canary follows to a standby whose filters name other slots, and not to one that wants none', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18, standbys: ['s1', 's2'] });
  const { consumer } = await startServices(scene, ON, { SLOTCAST_SLOTS: 'orders_cdc,!name_like:slotcast%' });
  const none = await (await scene.service('consumer', scene.standby('s2'), { SLOTCAST_SLOTS: '' })).ready();
  await grows(consumer, MEASURED);
  const absent = `slotcast_consumer_slot_state{slot_name="${CANARY_SLOT}",slot_type="logical",state="absent"}`;
  await waitUntil(async () => (await metric(none, absent)) === 1, { describe: 'its absence on s2' });
  assert.equal(await position(scene.standby('s2'), CANARY_SLOT), undefined);
});

test('changed rows of the database do no harm, and the slot holds nothing back', { timeout }, async () => {
  await using scene = await Scene.start({ major: 18 });
  await scene.primary.query('create table busy (id int)');
  const { publisher } = await startServices(scene);
  await grows(publisher, RECEIVED);
  await scene.primary.query('insert into busy select generate_series(1, 1000)');
  const written = await scene.primary.currentLsn();
  await grows(publisher, RECEIVED);
  await scene.primary.waitFor(
    `select from pg_replication_slots where slot_name = '${CANARY_SLOT}' and confirmed_flush_lsn > '${written}'`,
    (rows) => rows.length === 1,
  );
  assert.equal(await metric(publisher, 'slotcast_publisher_canary_failures_total'), 0);
});

test('on PostgreSQL 16 changed rows need a publication; without it the canary fails, says so, and recovers once it is there', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 16 });
  await scene.primary.query('create table busy (id int)');
  const { publisher } = await startServices(scene);
  await grows(publisher, RECEIVED);
  await scene.createSlot('app1');
  await scene.primary.query('insert into busy values (1)');
  await waitUntil(
    async () => (await publisher.get('/readyz'))?.body.includes('CREATE PUBLICATION') === true,
    { intervalMs: 10, describe: () => 'the remedy on /readyz' },
  );
  await scene.untilReady('app1');
  await scene.primary.query(`create publication ${CANARY_SLOT}`);
  await scene.primary.query('insert into busy values (2)');
  await grows(publisher, RECEIVED, 3);
  assert.equal((await publisher.get('/readyz'))?.status, 200);
});

test('a canary slot that was dropped by hand is made again, here and on the standby', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { publisher, consumer } = await startServices(scene);
  await grows(consumer, MEASURED);
  await waitUntil(
    async () => {
      await scene.primary.query(
        `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '${CANARY_SLOT}'`,
      );
      try {
        await scene.primary.query(`select pg_drop_replication_slot('${CANARY_SLOT}')`);
        return true;
      } catch {
        return false;
      }
    },
    { intervalMs: 1, describe: 'the drop' },
  );
  await grows(publisher, RECEIVED);
  await grows(consumer, MEASURED);
  await scene.records.waitForState('s1', CANARY_SLOT, 'ready');
});

test('a canary slot that lost its WAL is made anew', { timeout }, async () => {
  const settings = { max_slot_wal_keep_size: '1MB', wal_keep_size: '0' };
  // A standby would lose its own slot as well.
  await using scene = await Scene.start({ major: 18, settings, standbys: [] });
  await scene.createSlot(CANARY_SLOT, { plugin: 'pgoutput' });
  const lost = `select from pg_replication_slots where slot_name = '${CANARY_SLOT}' and wal_status = 'lost'`;
  // A checkpoint judges by the WAL up to its beginning, so one may not be enough.
  await waitUntil(
    async () => {
      await scene.switchWal(1);
      await scene.primary.query('checkpoint');
      return (await scene.primary.query(lost)).length === 1;
    },
    { describe: 'the loss of the slot' },
  );
  const publisher = await (await scene.service('publisher', scene.primary, ON)).ready();
  await grows(publisher, RECEIVED);
});

test('a slot of the canary name with another plugin is left alone and reported, and publishing goes on', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  await scene.createSlot(CANARY_SLOT);
  const { publisher } = await startServices(scene);
  await waitUntil(
    async () => (await publisher.get('/readyz'))?.body.includes('has the plugin test_decoding') === true,
    { describe: 'the report on /readyz' },
  );
  const [row] = await scene.primary.query<{ plugin: string }>(
    `select plugin from pg_replication_slots where slot_name = '${CANARY_SLOT}'`,
  );
  assert.equal(row?.plugin, 'test_decoding');
  await scene.createSlot('app1');
  await scene.untilReady('app1');
  await publisher.stop();
  const off = await (await scene.service('publisher', scene.primary)).ready();
  await off.logged('left a slot of the canary name alone');
  assert.notEqual(await position(scene.primary, CANARY_SLOT), undefined);
});

test('switched off, the publisher drops the slot, and the standby drops its copy', { timeout }, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { publisher, consumer } = await startServices(scene);
  await grows(consumer, MEASURED);
  await publisher.stop();
  await (await scene.service('publisher', scene.primary)).ready();
  await canaryIsGone(scene.primary);
  await canaryIsGone(scene.standby());
  await untilLag(consumer, (seconds) => seconds === 0);
  await waitUntil(
    () => scene.records.node('s1') !== undefined && scene.records.node('s1')?.canary === undefined,
    { describe: 'a record of s1 without a canary' },
  );
});

test('after a failover the new primary goes on with the slot that it has, and the old one measures', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18, standbys: ['s1', 's2'] });
  const { consumer } = await startServices(scene);
  const other = await (await scene.service('consumer', scene.standby('s2'))).ready();
  await grows(consumer, MEASURED);
  await grows(other, MEASURED);
  const before = await position(scene.standby(), CANARY_SLOT);
  assert.ok(before !== undefined);
  await scene.primary.kill();
  await scene.standby().promote();
  await scene.standby('s2').follow(scene.standby());
  const publisher = await (await scene.service('publisher', scene.standby(), ON)).ready();
  await grows(publisher, RECEIVED);
  assert.equal(await metric(publisher, 'slotcast_publisher_canary_failures_total'), 0);
  assert.doesNotMatch(await publisher.process.log(), /made the slot of the canary/);
  await grows(other, MEASURED);
  await untilLag(other, (seconds) => seconds < 1);
});
