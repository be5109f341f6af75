import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { topicNames } from '@slotcast/event-log';
import { type PostgresServer, startPrimary, uniqueTopicPrefix, waitUntil } from '@slotcast/testkit';
import { doctor, remedyOf } from './support/doctor.ts';
import { type Refusal, refusal, traces } from './support/refusal.ts';
import { position, ROLE, Scene } from './support/scene.ts';
import type { ServiceName, ServiceProcess } from './support/service-process.ts';
import { createTopics, recreateTopic } from './support/topics.ts';

const timeout = 240_000;

const refused = (code: string): Refusal => ({ exitCode: 78, code });

describe('a service that cannot work ends, says why, and changes nothing', { timeout: 480_000 }, () => {
  let scene: Scene;
  let stranger: PostgresServer;
  let strangerStandby: PostgresServer;

  before(async () => {
    scene = await Scene.start({ major: 18 });
    const { publisher, consumers } = await scene.startServices();
    await scene.createSlot('app1');
    await scene.untilReady('app1');
    await scene.untilEqual('app1');
    await consumers.get('s1')?.stop();
    await publisher.stop();
  });
  after(async () => {
    await stranger?.[Symbol.asyncDispose]();
    await scene?.[Symbol.asyncDispose]();
  });

  /** Starts a service with these settings, and expects it to end with this code and without a trace. */
  async function expectRefusal(
    code: string,
    service: ServiceName,
    server: PostgresServer,
    extra: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const earlier = await traces(scene, server);
    const process = await scene.service(service, server, extra);
    assert.deepEqual(await refusal(process), refused(code), service);
    assert.deepEqual(await traces(scene, server), earlier, `the ${service} left traces`);
  }

  /** The same for the publisher beside a primary and the consumer beside a standby. */
  async function expectRefusals(
    code: string,
    extra: Readonly<Record<string, string>>,
    servers: { primary: PostgresServer; standby: PostgresServer } = {
      primary: scene.primary,
      standby: scene.standby(),
    },
  ): Promise<void> {
    await Promise.all([
      expectRefusal(code, 'publisher', servers.primary, extra),
      expectRefusal(code, 'consumer', servers.standby, extra),
    ]);
  }

  test('with a malformed setting', { timeout }, async () => {
    const earlier = await traces(scene, scene.standby());
    const process = await scene.service('consumer', scene.standby(), {
      SLOTCAST_ADVANCE_DUTY: 'plenty',
      SLOTCAST_POSTGRES_URL: 'not a url',
    });
    assert.equal(await process.exit(), 78);
    const said = await process.process.log();
    assert.match(said, /SC_CONFIG_INVALID/);
    assert.match(said, /SLOTCAST_ADVANCE_DUTY/);
    assert.match(said, /SLOTCAST_POSTGRES_URL/);
    assert.deepEqual(await traces(scene, scene.standby()), earlier);
  });

  test('without its topics not before minutes have passed, and does not make them', { timeout }, async () => {
    const prefix = uniqueTopicPrefix();
    const expectPatience = async (service: ServiceName, server: PostgresServer): Promise<void> => {
      const earlier = await traces(scene, server);
      const process = await scene.service(service, server, { SLOTCAST_TOPIC_PREFIX: prefix });
      await untilUnready(process, /does not exist.*slotcast topic create/s);
      await process.stop();
      assert.deepEqual(await traces(scene, server), earlier, `the ${service} left traces`);
    };
    await Promise.all([
      expectPatience('publisher', scene.primary),
      expectPatience('consumer', scene.standby()),
    ]);
    const { slots, nodes } = topicNames(prefix, scene.cluster);
    assert.equal(await scene.log.describeTopic(slots), undefined);
    assert.equal(await scene.log.describeTopic(nodes), undefined);
  });

  test('with a topic of several partitions', { timeout }, async () => {
    const prefix = uniqueTopicPrefix();
    const names = topicNames(prefix, scene.cluster);
    await createTopics(scene.log, names, { partitions: 3 });
    await expectRefusals('SC_TOPIC_PARTITIONS', { SLOTCAST_TOPIC_PREFIX: prefix });
    assert.equal((await scene.log.describeTopic(names.slots))?.partitions, 3);
  });

  for (const policy of ['delete', 'compact,delete']) {
    test(`with a topic of cleanup.policy=${policy}`, { timeout }, async () => {
      const prefix = uniqueTopicPrefix();
      const names = topicNames(prefix, scene.cluster);
      await createTopics(scene.log, names, { config: { 'cleanup.policy': policy } });
      await expectRefusals('SC_TOPIC_CLEANUP_POLICY', { SLOTCAST_TOPIC_PREFIX: prefix });
      assert.equal(await scene.log.endOffset(names.slots), 0n);
      assert.equal(await scene.log.endOffset(names.nodes), 0n);
      const { config } = (await scene.log.describeTopic(names.slots)) ?? {};
      assert.equal(config?.get('cleanup.policy'), policy);
    });
  }

  test('as a role without REPLICATION not before minutes have passed, and works once that is granted', {
    timeout,
  }, async () => {
    await scene.primary.createRole('weak', { without: ['replication'] });
    await scene.primary.waitForReplay(scene.standby());
    const services = [];
    for (const [service, server] of [
      ['publisher', scene.primary],
      ['consumer', scene.standby()],
    ] as const) {
      const extra = { SLOTCAST_POSTGRES_URL: server.url('postgres', 'weak') };
      const earlier = await traces(scene, server);
      const process = await scene.service(service, server, extra);
      await untilUnready(process, /may not use replication slots.*ALTER ROLE weak REPLICATION/s);
      assert.deepEqual(await traces(scene, server), earlier, `the ${service} left traces`);
      services.push(process);
    }
    await scene.primary.query('alter role weak replication');
    await Promise.all(services.map((process) => process.ready()));
    await Promise.all(services.map((process) => process.stop()));
  });

  test('as a publisher that may not log running transactions not before minutes have passed', {
    timeout,
  }, async () => {
    await scene.primary.createRole('mute', { without: ['pg_log_standby_snapshot'] });
    const extra = { SLOTCAST_POSTGRES_URL: scene.primary.url('postgres', 'mute') };
    const earlier = await traces(scene, scene.primary);
    const process = await scene.service('publisher', scene.primary, extra);
    await untilUnready(process, /GRANT EXECUTE ON FUNCTION pg_log_standby_snapshot/);
    await process.stop();
    assert.deepEqual(await traces(scene, scene.primary), earlier);
  });

  test('beside a server whose wal_level is below logical', { timeout }, async () => {
    const settings = { wal_level: 'replica' };
    stranger = await startPrimary({ major: 18, name: 'stranger', settings });
    await stranger.createRole(ROLE);
    strangerStandby = await stranger.addStandby({ name: 'stranger_standby', settings });
    await expectRefusals('SC_WAL_LEVEL', {}, { primary: stranger, standby: strangerStandby });
  });

  test('beside a server of another system identifier', { timeout }, async () => {
    await stranger.setConfig({ wal_level: 'logical' });
    await strangerStandby.setConfig({ wal_level: 'logical' });
    await stranger.query("select pg_create_logical_replication_slot('app1', 'test_decoding')");
    await expectRefusals('SC_OTHER_SYSTEM', {}, { primary: stranger, standby: strangerStandby });
  });

  test('as the older of two publishers of one node', { timeout }, async () => {
    const older = await established(await scene.service('publisher', scene.primary));
    const younger = await established(await scene.service('publisher', scene.primary));
    // The older one learns of it when it next has something to write.
    await scene.confirm('app1');
    assert.deepEqual(await refusal(older), refused('SC_DUPLICATE_NODE'));
    assert.equal((await younger.get('/readyz'))?.status, 200);
  });

  test('as the older of two consumers of one node', { timeout }, async () => {
    const older = await (await scene.service('consumer', scene.standby())).ready();
    const younger = await (await scene.service('consumer', scene.standby())).ready();
    await scene.createSlot('app2');
    assert.deepEqual(await refusal(older), refused('SC_DUPLICATE_NODE'));
    await scene.untilReady('app2');
    await scene.confirm('app1');
    await scene.untilEqual('app1');
    await younger.stop();
  });

  test('under the name of a node that is at work beside another server, which goes on', {
    timeout,
  }, async () => {
    const healthy = await (await scene.service('consumer', scene.standby())).ready();
    const [other, promoted] = [await scene.addStandby('s2'), await scene.addStandby('s3')];
    await promoted.promote();
    const { name: primary } = scene.primary;
    const newcomers = await Promise.all([
      scene.service('consumer', other, { SLOTCAST_NODE: 's1' }),
      scene.service('consumer', other, { SLOTCAST_NODE: primary }),
      scene.service('publisher', promoted, { SLOTCAST_NODE: primary }),
    ]);
    for (const newcomer of newcomers) {
      assert.deepEqual(await refusal(newcomer), refused('SC_DUPLICATE_NODE'));
    }
    assert.match(remedyOf(await doctor(scene, other, { SLOTCAST_NODE: 's1' }), 'node_name'), /SLOTCAST_NODE/);
    assert.deepEqual(await slotNames(other), []);
    await scene.confirm('app1');
    await scene.untilEqual('app1');
    assert.equal(healthy.process.isRunning, true);
    await healthy.stop();
  });

  test('as a consumer whose topic is deleted and made again under it', { timeout }, async () => {
    const consumer = await (await scene.service('consumer', scene.standby())).ready();
    const earlier = await position(scene.standby(), 'app1');
    await recreateTopic(scene.log, scene.bootstrapServers, scene.topics.slots);
    assert.deepEqual(await refusal(consumer), refused('SC_TOPIC_RECREATED'));
    assert.equal(await position(scene.standby(), 'app1'), earlier);
  });
});

test('slots are blocked while a setting of the standby stands in their way, and ready once it is fixed', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const standby = scene.standby();
  await standby.setConfig({ hot_standby_feedback: 'off', primary_slot_name: undefined });
  await scene.createSlot('app1');
  const { consumers } = await scene.startServices();
  await scene.records.waitForState('s1', 'app1', 'blocked', { reason: /hot_standby_feedback/ });
  await standby.setConfig({ hot_standby_feedback: 'on' });
  await scene.records.waitForState('s1', 'app1', 'blocked', { reason: /primary_slot_name/ });
  assert.equal(await position(standby, 'app1'), undefined);
  await standby.setConfig({ primary_slot_name: 's1' });
  await scene.untilReady('app1');
  await scene.untilEqual('app1');
  assert.ok(consumers.get('s1')?.process.isRunning);
});

test('a slot for which a standby has no room, or whose plugin it may not load, is blocked alone', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18, standbys: [] });
  // One slot fits, with the temporary one that it is copied from.
  const full = await scene.addStandby('full', { max_replication_slots: '2' });
  const choosy = await scene.addStandby('choosy');
  await (await scene.service('publisher', scene.primary)).ready();
  const consumers = [
    await scene.service('consumer', full),
    await scene.service('consumer', choosy, { SLOTCAST_PLUGINS: 'pgoutput' }),
  ];
  await scene.createSlot('app1');
  await scene.untilReady('app1', { node: 'full' });
  await scene.createSlot('app2', { plugin: 'pgoutput' });
  await scene.untilReady('app2', { node: 'choosy' });

  await scene.records.waitForState('full', 'app2', 'blocked', { reason: /max_replication_slots/ });
  await scene.records.waitForState('choosy', 'app1', 'blocked', { reason: /SLOTCAST_PLUGINS/ });
  await scene.confirm('app1');
  await scene.confirm('app2');
  await scene.untilEqual('app1', 'full');
  await scene.untilEqual('app2', 'choosy');
  assert.equal(await position(full, 'app2'), undefined);
  assert.equal(await position(choosy, 'app1'), undefined);
  consumers.forEach((consumer) => assert.ok(consumer.process.isRunning));

  await full.setConfig({ max_replication_slots: '10' });
  await scene.untilReady('app2', { node: 'full' });
  assert.ok(consumers[0]?.process.isRunning, 'the restart of its server was no reason to end');
});

test('a primary left behind by a promotion publishes no more, and does not hinder the new one', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { publisher: zombie } = await scene.startServices();
  await scene.createSlot('app1');
  await scene.untilReady('app1');
  await scene.standby().promote();
  const successor = await established(await scene.service('publisher', scene.standby()));
  assert.equal(await metric(successor, 'slotcast_publisher_rival_primaries'), 1, 'both were at work');
  await zombie.logged('two servers act as primary');
  await scene.confirm('app1');
  assert.deepEqual(await refusal(zombie), refused('SC_HIGHER_TIMELINE'));

  const claims = await metric(successor, 'slotcast_publisher_claims_total');
  const restarted = await scene.service('publisher', scene.primary);
  assert.deepEqual(await refusal(restarted), refused('SC_HIGHER_TIMELINE'));
  assert.equal((await successor.get('/readyz'))?.status, 200);
  const transactions = (await metric(successor, 'slotcast_publisher_transactions_total')) ?? 0;
  await scene.confirm('app1', { server: scene.standby() });
  await waitUntil(
    async () => ((await metric(successor, 'slotcast_publisher_transactions_total')) ?? 0) > transactions,
    { describe: 'the new primary to publish' },
  );
  assert.equal(await metric(successor, 'slotcast_publisher_claims_total'), claims, 'it was never fenced');
});

test('a promotion while the publisher of the old primary listens for its name ends that one, and does not hinder the new one', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { publisher } = await scene.startServices();
  await publisher.kill();
  await scene.primary.restart('immediate');
  const left = await scene.service('publisher', scene.primary);
  await left.logged('listening whether it is at work');
  await scene.standby().promote();
  const successor = await established(await scene.service('publisher', scene.standby()));
  const claims = await metric(successor, 'slotcast_publisher_claims_total');
  assert.deepEqual(await refusal(left), refused('SC_HIGHER_TIMELINE'));
  const transactions = (await metric(successor, 'slotcast_publisher_transactions_total')) ?? 0;
  await waitUntil(
    async () => ((await metric(successor, 'slotcast_publisher_transactions_total')) ?? 0) > transactions,
    { describe: 'the new primary to publish' },
  );
  assert.equal(await metric(successor, 'slotcast_publisher_claims_total'), claims, 'it was never fenced');
});

/** Waits until the service says that it is not ready, and why. */
async function untilUnready(service: ServiceProcess, reason: RegExp): Promise<void> {
  await waitUntil(
    async () => {
      const answer = await service.get('/readyz');
      return answer?.status === 503 && reason.test(answer.body);
    },
    { describe: `/readyz to say ${reason}` },
  );
}

async function slotNames(server: PostgresServer): Promise<readonly string[]> {
  const rows = await server.query<{ slot_name: string }>('select slot_name from pg_replication_slots');
  return rows.map((row) => row.slot_name);
}

/** Waits until a publisher holds the topic, and the topic says so. */
async function established(publisher: ServiceProcess): Promise<ServiceProcess> {
  await publisher.ready();
  await waitUntil(async () => ((await metric(publisher, 'slotcast_publisher_transactions_total')) ?? 0) > 0, {
    describe: 'the first manifest of a publisher',
  });
  return publisher;
}

/** The value of a metric without labels. */
async function metric(service: ServiceProcess, name: string): Promise<number | undefined> {
  const { body } = (await service.get('/metrics')) ?? { body: '' };
  const line = body.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}
