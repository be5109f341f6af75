import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type CheckName, checkTable } from '@slotcast/domain';
import { topicNames } from '@slotcast/event-log';
import { freePort, runKafkaTool, startPrimary, uniqueTopicPrefix } from '@slotcast/testkit';
import { complaints, doctor, execute, remedyOf, runDoctor, untilComplaints } from './support/doctor.ts';
import { ROLE, Scene } from './support/scene.ts';
import { createTopics } from './support/topics.ts';

const timeout = 240_000;

describe('slotcast doctor', { timeout: 600_000 }, () => {
  let scene: Scene;

  before(async () => {
    scene = await Scene.start({ major: 18 });
    await scene.startServices();
    await scene.createSlot('app1');
    await scene.untilReady('app1');
  });
  after(() => scene?.[Symbol.asyncDispose]());

  test('finds nothing to fix on a healthy pair, and looks at everything', { timeout }, async () => {
    const standby = await doctor(scene, scene.standby());
    assert.deepEqual(complaints(standby), []);
    assert.equal(standby.exitCode, 0);
    const primary = await doctor(scene, scene.primary);
    assert.deepEqual(complaints(primary), []);
    assert.equal(primary.exitCode, 0);
    const made = new Set([...primary.checks, ...standby.checks].map(({ check }) => check));
    const withoutRegistry = Object.keys(checkTable).filter((name) => name !== 'schema_registry');
    assert.deepEqual([...made].toSorted(), withoutRegistry.toSorted());
  });

  test('prints for people what it found, by area', { timeout }, async () => {
    const { exitCode, stdout } = await runDoctor([], scene.environment(scene.standby()));
    assert.equal(exitCode, 0);
    assert.match(stdout, /^Server\n[^]*^Kafka\n[^]*^Cluster\n/m);
    assert.match(stdout, /^ {2}ok {7}catalog_pin +held by s1 on primary/m);
    assert.match(stdout, /^\d+ checks: 0 failed, 0 warnings$/m);
    assert.ok(!stdout.includes('\u001B'), 'no colours');
  });

  test('leaves no trace in the topics or on the server, and fences no service', { timeout }, async () => {
    const slotsBefore = await scene.standby().query('select slot_name from pg_replication_slots');
    const before = await doctor(scene, scene.primary);
    const after = await doctor(scene, scene.primary);
    const epochs = [before, after].map(
      ({ checks }) => /epoch \d+/.exec(checks.find(({ check }) => check === 'publisher')?.message ?? '')?.[0],
    );
    assert.notEqual(epochs[0], undefined);
    assert.equal(epochs[1], epochs[0]);
    assert.deepEqual(await scene.standby().query('select slot_name from pg_replication_slots'), slotsBefore);
  });

  const grants = [
    { without: 'pg_monitor', check: 'role_pg_monitor' },
    { without: 'pg_log_standby_snapshot', check: 'role_standby_snapshot' },
    { without: 'replication', check: 'role_replication' },
  ] as const;
  for (const { without, check } of grants) {
    test(`tells of a role without ${without}, and its statement fixes it`, { timeout }, async () => {
      const role = `without ${without}`;
      await scene.primary.createRole(role, { without: [without] });
      const extra = { SLOTCAST_POSTGRES_URL: scene.primary.url('postgres', role) };
      const diagnosis = await doctor(scene, scene.primary, extra);
      assert.deepEqual(complaints(diagnosis), [`failed ${check}`]);
      assert.equal(diagnosis.exitCode, 3);
      await execute(scene.primary, remedyOf(diagnosis, check));
      assert.deepEqual(complaints(await doctor(scene, scene.primary, extra)), []);
    });
  }

  test('tells of a database that does not let the role in, and its statement fixes it', {
    timeout,
  }, async () => {
    await scene.primary.query('create database "My Shop"');
    await scene.primary.query('revoke connect on database "My Shop" from public');
    await scene.createSlot('shop', { database: 'My Shop' });
    const diagnosis = await doctor(scene, scene.primary);
    assert.deepEqual(complaints(diagnosis), ['failed database_connect']);
    await execute(scene.primary, remedyOf(diagnosis, 'database_connect'));
    assert.deepEqual(complaints(await doctor(scene, scene.primary)), []);
    await scene.primary.query("select pg_drop_replication_slot('shop')");
  });

  test('tells both nodes that feedback is off, and either statement fixes it', { timeout }, async () => {
    await scene.standby().setConfig({ hot_standby_feedback: 'off' });
    const onStandby = await doctor(scene, scene.standby());
    assert.deepEqual(complaints(onStandby), ['failed hot_standby_feedback']);
    const onPrimary = await untilComplaints(scene, scene.primary, ['failed standby_slots']);
    assert.equal(
      remedyOf(onPrimary, 'standby_slots').replace('/* on s1 */ ', ''),
      remedyOf(onStandby, 'hot_standby_feedback'),
    );
    await execute(scene.standby(), remedyOf(onStandby, 'hot_standby_feedback'));
    await untilComplaints(scene, scene.primary, []);
    await untilComplaints(scene, scene.standby(), []);
  });

  test('tells both nodes of a physical slot that is missing, and the statement fixes it', {
    timeout,
  }, async () => {
    await scene.standby().stop();
    await scene.primary.query("select pg_drop_replication_slot('s1')");
    await scene.standby().start();
    await scene.untilPublished('s1', 'drop');
    const onStandby = await untilComplaints(scene, scene.standby(), [
      'failed streaming',
      'failed catalog_pin',
    ]);
    const onPrimary = await untilComplaints(scene, scene.primary, ['failed standby_slots']);
    assert.match(remedyOf(onStandby, 'catalog_pin'), /upstream.*pg_create_physical_replication_slot\('s1'/);
    await execute(scene.primary, remedyOf(onPrimary, 'standby_slots'));
    await untilComplaints(scene, scene.primary, []);
    await untilComplaints(scene, scene.standby(), []);
  });

  test('tells of a standby whose slots are all taken, and its statement fixes it', { timeout }, async () => {
    await scene.standby().setConfig({ max_replication_slots: '1' });
    const diagnosis = await doctor(scene, scene.standby());
    assert.ok(complaints(diagnosis).includes('failed max_replication_slots'), JSON.stringify(diagnosis));
    await execute(scene.standby(), remedyOf(diagnosis, 'max_replication_slots'));
    await scene.standby().restart();
    await untilComplaints(scene, scene.standby(), []);
  });

  test('tells of topics that would be deleted by age, and its commands fix them', { timeout }, async () => {
    const prefix = uniqueTopicPrefix();
    const extra = { SLOTCAST_TOPIC_PREFIX: prefix };
    const names = topicNames(prefix, scene.cluster);
    await createTopics(scene.log, names, { config: { 'cleanup.policy': 'delete' } });
    const diagnosis = await doctor(scene, scene.standby(), extra);
    assert.equal(diagnosis.exitCode, 3);
    const bad = diagnosis.checks.filter(({ check, outcome }) => check === 'topics' && outcome === 'failed');
    assert.equal(bad.length, 2);
    for (const { remedy } of bad) {
      await runKafkaTool(remedy);
    }
    const fixed = await doctor(scene, scene.standby(), extra);
    assert.deepEqual(outcomesOf(fixed.checks, 'topics'), ['ok', 'ok']);
    // Nobody has published there.
    assert.deepEqual(complaints(fixed), ['failed publisher', 'warning consumers']);
  });

  test('tells that topics are missing', { timeout }, async () => {
    const diagnosis = await doctor(scene, scene.primary, { SLOTCAST_TOPIC_PREFIX: uniqueTopicPrefix() });
    assert.deepEqual(complaints(diagnosis), ['failed topics', 'failed topics']);
    assert.match(remedyOf(diagnosis, 'topics'), /slotcast topic create/);
  });

  test('takes brokers that do not answer for a failed check, and still judges the server', {
    timeout,
  }, async () => {
    const nowhere = `127.0.0.1:${await freePort()}`;
    const diagnosis = await doctor(scene, scene.standby(), { KAFKA_BOOTSTRAP_SERVERS: nowhere });
    assert.equal(diagnosis.exitCode, 3);
    assert.deepEqual(complaints(diagnosis), ['failed kafka_connection']);
    const told = diagnosis.checks.find(({ check }) => check === 'kafka_connection');
    assert.match(told?.message ?? '', new RegExp(`connect ECONNREFUSED ${nowhere}`));
    assert.match(remedyOf(diagnosis, 'kafka_connection'), /KAFKA_BOOTSTRAP_SERVERS/);
    assert.deepEqual(outcomesOf(diagnosis.checks, 'wal_level'), ['ok']);
  });

  test('takes a server that does not answer for a failed check, and still judges Kafka', {
    timeout,
  }, async () => {
    const url = `postgresql://${ROLE}@127.0.0.1:${await freePort()}/postgres`;
    const diagnosis = await doctor(scene, scene.standby(), { SLOTCAST_POSTGRES_URL: url });
    assert.equal(diagnosis.exitCode, 3);
    assert.deepEqual(complaints(diagnosis), ['failed postgres_connection']);
    assert.match(remedyOf(diagnosis, 'postgres_connection'), /SLOTCAST_POSTGRES_URL/);
    assert.deepEqual(outcomesOf(diagnosis.checks, 'topics'), ['ok', 'ok']);
  });

  test('tells of a schema registry that does not answer', { timeout }, async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const diagnosis = await doctor(scene, scene.primary, { SLOTCAST_SCHEMA_REGISTRY_URL: url });
    assert.deepEqual(complaints(diagnosis), ['failed schema_registry']);
  });

  test('tells of a server of another cluster, and of wal_level, whose statement fixes it', {
    timeout,
  }, async () => {
    await using stranger = await startPrimary({
      major: 18,
      name: 'stranger',
      settings: { wal_level: 'replica' },
    });
    await stranger.createRole(ROLE);
    const diagnosis = await doctor(scene, stranger);
    assert.deepEqual(complaints(diagnosis), ['failed wal_level', 'failed system_identifier']);
    // The test's own file has the value that is wrong; what ALTER SYSTEM writes counts more.
    await execute(stranger, remedyOf(diagnosis, 'wal_level'));
    await stranger.restart();
    assert.deepEqual(complaints(await doctor(scene, stranger)), ['failed system_identifier']);
  });

  test('tells when no publisher is heard of', { timeout }, async () => {
    await using silent = await Scene.start({ major: 18, standbys: [] });
    assert.deepEqual(complaints(await doctor(silent, silent.primary)), ['failed publisher']);
    const publisher = await (await silent.service('publisher', silent.primary)).ready();
    assert.deepEqual(complaints(await doctor(silent, silent.primary)), []);
    await publisher.stop();
    const impatient = { SLOTCAST_LAG_MAX_SECONDS: '1' };
    await untilComplaints(silent, silent.primary, ['failed publisher'], impatient);
  });

  test('tells an old primary that it was left behind, and has no complaint about the new one', {
    timeout,
  }, async () => {
    await scene.primary.kill();
    const publisher = await scene.service('publisher', scene.standby());
    await scene.standby().promote();
    await publisher.logged('claimed the topic');
    await untilComplaints(scene, scene.standby(), []);
    await scene.primary.start();
    const diagnosis = await doctor(scene, scene.primary);
    assert.deepEqual(complaints(diagnosis), ['failed timeline']);
    assert.match(remedyOf(diagnosis, 'timeline'), /^decide which server is the primary .*split-brain\.md/);
  });
});

function outcomesOf(
  checks: readonly { readonly check: CheckName; readonly outcome: string }[],
  name: CheckName,
): string[] {
  return checks.filter(({ check }) => check === name).map(({ outcome }) => outcome);
}
