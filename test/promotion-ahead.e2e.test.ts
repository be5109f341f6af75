import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseLsn } from '@slotcast/domain';
import { waitUntil } from '@slotcast/testkit';
import { handedOver } from './support/failover.ts';
import { FaultGate } from './support/fault-gate.ts';
import { position, ROLE, Scene } from './support/scene.ts';
import type { ServiceProcess } from './support/service-process.ts';
import { createRows, insertRows, SlotReader } from './support/slot-reader.ts';

const timeout = 240_000;
/** Less than is waited for a guard that raises the fence. */
const GUARD_HELD_MS = 3500;
/** A look of a guard at a server in recovery. */
const GUARD_LOOKS = /with recursive look/;

interface Ahead {
  readonly scene: Scene;
  /** What the subscriber had confirmed when the primary died. */
  readonly confirmed: string;
  readonly services: { readonly publisher: ServiceProcess; readonly consumer: ServiceProcess };
}

/** A subscriber that has confirmed rows which the standby never received; then the primary is killed. */
async function consumerAhead(
  scene: Scene,
  options: { readonly extra?: Readonly<Record<string, string>>; readonly others?: readonly string[] } = {},
): Promise<Ahead> {
  const { extra = {}, others = [] } = options;
  const standby = scene.standby();
  await createRows(scene.primary);
  const old = await scene.bothServices(scene.primary, extra);
  const services = await scene.bothServices(standby, extra);
  for (const node of others) {
    await scene.bothServices(scene.standby(node), extra);
  }
  await scene.createSlot('app1', { plugin: 'pgoutput' });
  for (const node of [...others, 's1']) {
    await scene.untilReady('app1', { node });
  }
  const reader = new SlotReader({ server: scene.primary, slot: 'app1' });
  await insertRows(scene.primary, 1, 3);
  await reader.until([1, 2, 3]);
  // The others first: they are to have no WAL that the first standby lacks.
  for (const server of [...others.map((node) => scene.standby(node)), standby]) {
    await scene.primary.waitForReplay(server);
    await server.cutOff();
  }
  // So much that the first rows of the new primary surely lie before what the consumer has confirmed.
  await scene.primary.query("select pg_logical_emit_message(false, 'test', repeat(' ', 500000))");
  await insertRows(scene.primary, 11, 15);
  await reader.until([11, 12, 13, 14, 15]);
  const written = await scene.primary.currentLsn();
  await waitUntil(
    async () => parseLsn((await position(scene.primary, 'app1')) ?? '0/1') >= parseLsn(written),
    { describe: 'the subscriber to confirm all' },
  );
  await reader.stop();
  const confirmed = await scene.untilPositionPublished('app1');
  await scene.primary.kill();
  await old.publisher.kill();
  await old.consumer.kill();
  return { scene, confirmed, services };
}

/** What became of the slot by the record of the promoted node. */
async function outcomeOn(scene: Scene, slot: string, node = 's1'): Promise<string | undefined> {
  const { ahead } = await handedOver(scene, node);
  return ahead.find((entry) => entry.slot === slot)?.outcome;
}

for (const major of [16, 18] as const) {
  describe(`a subscriber that was ahead of the promoted standby, on PostgreSQL ${major}`, () => {
    test('gets every row of the new timeline, though it insists on its own position', {
      timeout,
    }, async () => {
      await using scene = await Scene.start({ major });
      const { confirmed, services } = await consumerAhead(scene);
      const standby = scene.standby();
      await standby.promote();
      // On a slow machine a writer that hammers may be faster than the fence: it is let in as by a load balancer.
      await untilFenced(services);
      await insertRows(standby, 21, 23);
      assert.equal(await outcomeOn(scene, 'app1'), 'fenced');
      const reader = new SlotReader({ server: standby, slot: 'app1', startLsn: parseLsn(confirmed) });
      await reader.until([21, 22, 23]);
      assert.deepEqual([...reader.received], [21, 22, 23]);
      await reader.stop();
    });
  });
}

test('without the fence the same consumer misses rows in silence', { timeout }, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { confirmed, services } = await consumerAhead(scene);
  await services.publisher.kill();
  await services.consumer.kill();
  const standby = scene.standby();
  await standby.promote();
  await insertRows(standby, 21, 23);
  await standby.query("select pg_logical_emit_message(false, 'test', repeat(' ', 2000000))");
  await insertRows(standby, 31, 31);
  const reader = new SlotReader({ server: standby, slot: 'app1', startLsn: parseLsn(confirmed) });
  await reader.until([31]);
  assert.deepEqual([...reader.received], [31]);
  await reader.stop();
});

test('a write that comes before the fence has the slot quarantined, so that its subscriber fails', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { confirmed, services } = await consumerAhead(scene);
  const standby = scene.standby();
  services.publisher.process.signal('SIGSTOP');
  services.consumer.process.signal('SIGSTOP');
  await standby.promote();
  await insertRows(standby, 21, 23);
  services.consumer.process.signal('SIGCONT');
  services.publisher.process.signal('SIGCONT');
  assert.equal(await outcomeOn(scene, 'app1'), 'quarantined');
  await assertQuarantined(scene, confirmed);
});

test('a publisher that hands over alone knows what its guard saw, however long that took', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { services } = await consumerAhead(scene);
  await services.publisher.kill();
  await services.consumer.kill();
  const standby = scene.standby();
  // Whatever the server did by itself while the guard is held up would count as a write that came before the fence.
  await standby.setConfig({ autovacuum: 'off' });
  await using gate = await FaultGate.start(standby.port);
  const url = `postgres://${ROLE}@127.0.0.1:${gate.port}/postgres`;
  const publisher = await scene.service('publisher', standby, { SLOTCAST_POSTGRES_URL: url });
  await publisher.ready();
  const looked = gate.arm({
    steps: GUARD_LOOKS,
    index: 1,
    side: 'before',
    alone: true,
    fault: async () => {},
  });
  await looked;
  // The first who asks on the promoted server where the WAL ends is the guard.
  const held = gate.arm({
    steps: /as replayed_lsn/,
    index: 0,
    side: 'before',
    alone: true,
    fault: () => sleep(GUARD_HELD_MS),
  });
  await standby.promote();
  await held;
  assert.equal(await outcomeOn(scene, 'app1'), 'fenced');
});

test('a subscriber that was ahead of a promotion that nobody fenced is found out at the next one', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18, standbys: ['s1', 's2'] });
  const { services } = await consumerAhead(scene, { others: ['s2'] });
  await services.publisher.kill();
  await services.consumer.kill();
  const [s1, s2] = [scene.standby('s1'), scene.standby('s2')];
  await s1.promote();
  await s2.follow(s1);
  await insertRows(s1, 21, 23);
  await s1.waitForReplay(s2);
  await s1.kill();
  await s2.promote();
  assert.equal(await outcomeOn(scene, 'app1', 's2'), 'quarantined');
  assert.equal(await position(s2, 'app1'), undefined);
});

/** Whether both services of a node say that writers may be let in. */
async function fencedBy({
  publisher,
  consumer,
}: Ahead['services']): Promise<readonly (number | undefined)[]> {
  const answers = await Promise.all([publisher, consumer].map((service) => service.get('/fenced')));
  return answers.map((answer) => answer?.status);
}

async function untilFenced(services: Ahead['services']): Promise<void> {
  await waitUntil(async () => (await fencedBy(services)).every((status) => status === 200), {
    describe: 'both services to say that fence and hand-off stand',
  });
}

test('with the policy quarantine the slot of a subscriber that is ahead is renamed at once, and then writers may come', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { confirmed, services } = await consumerAhead(scene, {
    extra: { SLOTCAST_ON_DIVERGENCE: 'quarantine' },
  });
  assert.deepEqual(await fencedBy(services), [503, 503]);
  await scene.standby().promote();
  assert.equal(await outcomeOn(scene, 'app1'), 'quarantined');
  await untilFenced(services);
  await assertQuarantined(scene, confirmed);
});

async function assertQuarantined(scene: Scene, confirmed: string): Promise<void> {
  const standby = scene.standby();
  assert.equal(await position(standby, 'app1'), undefined);
  assert.notEqual(await position(standby, 'app1_diverged'), undefined);
  const reader = new SlotReader({ server: standby, slot: 'app1', startLsn: parseLsn(confirmed) });
  await assert.rejects(reader.until([21]), /cannot use physical replication slot/);
  await reader.stop();
  // As a client does that finds its slot missing and says nothing of it.
  const anew = standby.query("select pg_create_logical_replication_slot('app1', 'pgoutput')");
  await assert.rejects(anew, /"app1" already exists/);
  await scene.records.waitForState('s1', 'app1', 'diverged', { reason: /app1_diverged/ });
}

test('the fence is measured also by what was published while the consumer still listened whether its name is in use', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const standby = scene.standby();
  const { consumers } = await scene.startServices();
  await scene.createSlot('app1');
  await scene.untilReady('app1');
  await consumers.get('s1')?.kill();
  // Started anew, and streaming from nobody, it might be another server of that name.
  await standby.cutOff();
  await standby.restart();
  const consumer = await scene.service('consumer', standby);
  await consumer.logged('listening whether it is at work');
  // More than every fence is raised by.
  await scene.primary.query("select pg_logical_emit_message(false, 'test', repeat(' ', 40000000))");
  const confirmed = await scene.confirm('app1');
  await scene.untilPositionPublished('app1');
  const end = await scene.log.endOffset(scene.topics.slots);
  await waitUntil(async () => appliedOffset(await consumer.get('/metrics')) >= end, {
    describe: 'the consumer to read what was published',
  });
  await scene.primary.kill();
  await standby.promote();
  await consumer.logged('raised the WAL fence');
  const [{ past } = { past: false }] = await standby.query<{ past: boolean }>(
    `select pg_current_wal_insert_lsn() >= '${confirmed}'::pg_lsn as past`,
  );
  assert.equal(past, true);
});

function appliedOffset(metrics: { readonly body: string } | undefined): bigint {
  return BigInt(/^slotcast_consumer_applied_offset\S* (\d+)$/m.exec(metrics?.body ?? '')?.[1] ?? -1);
}
