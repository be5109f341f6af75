import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assertNothingMissing, handedOver, readyAsStandby } from './support/failover.ts';
import { Scene } from './support/scene.ts';
import { createRows, insertRows, Load, SlotReader } from './support/slot-reader.ts';
import { recreateTopic } from './support/topics.ts';

const timeout = 240_000;

test('a failover and a switch back with one process on each host, which is killed after the promotion', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { primary } = scene;
  const standby = scene.standby();
  await createRows(primary);
  const there = await (await scene.service('node', primary)).ready();
  const here = await (await scene.service('node', standby)).ready();
  await scene.createSlot('app1', { plugin: 'pgoutput' });
  await scene.untilReady('app1');

  const reader = new SlotReader({ server: primary, slot: 'app1' });
  const load = new Load(primary, { from: 1 });
  await reader.until([20]);
  await primary.kill();
  await Promise.all([load.stop(), reader.stop()]);
  await standby.promote();
  await here.logged('raised the WAL fence');
  await here.kill();
  const again = await scene.service('node', standby);
  const promotion = await handedOver(scene, 's1');
  assert.deepEqual(promotion.lost, []);
  await again.logged('claimed the topic');
  await insertRows(standby, 10_001, 10_010);
  const arrived = await assertNothingMissing(standby, 'app1', { earlier: reader.received });

  // Its process has run all the time, as that of a primary.
  const since = Date.now();
  await primary.recloneFrom(standby);
  const confirming = scene.keepConfirming('app1', { server: standby });
  await readyAsStandby(scene, primary.name, { slot: 'app1', since });
  await confirming.stop();
  await there.ready();
  await standby.stop('fast');
  await primary.promote();
  const back = await handedOver(scene, primary.name, promotion);
  assert.deepEqual([back.ahead, back.lost, back.unheard], [[], [], undefined]);
  await insertRows(primary, 20_001, 20_010);
  await assertNothingMissing(primary, 'app1', { earlier: arrived });
  const followed = Date.now();
  await standby.follow(primary);
  const confirmingBack = scene.keepConfirming('app1', { server: primary });
  await readyAsStandby(scene, 's1', { slot: 'app1', since: followed });
  await confirmingBack.stop();
  await again.ready();
});

test('the publisher of an old primary that comes back as a primary is refused, rests, and works again once the server is a standby', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { primary } = scene;
  const standby = scene.standby();
  const there = await (await scene.service('node', primary)).ready();
  const here = await (await scene.service('node', standby)).ready();
  await primary.kill();
  await standby.promote();
  await here.logged('claimed the topic', 60_000);
  await primary.start();
  await there.logged('this half of the node is refused, and rests', 60_000);
  const refused = await there.get('/readyz');
  assert.equal(refused?.status, 503);
  assert.match(refused?.body ?? '', /^failed publisher: refused: .*timeline/m);
  assert.equal((await there.get('/livez'))?.status, 200);
  assert.deepEqual([(await there.get('/fenced'))?.status, (await here.get('/fenced'))?.status], [503, 200]);
  const retired = /^slotcast_node_phase\{half="publishing",phase="retired"\} 1$/m;
  assert.match((await there.get('/metrics'))?.body ?? '', retired);

  await primary.recloneFrom(standby);
  await there.logged('what refused this half of the node has gone', 60_000);
  await there.ready();
  assert.doesNotMatch((await there.get('/metrics'))?.body ?? '', retired);
});

test('halves that are refused in the middle of their work show nothing any more of what they did', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const there = await (await scene.service('node', scene.primary)).ready();
  const here = await (await scene.service('node', scene.standby())).ready();
  await scene.createSlot('app1');
  await scene.untilReady('app1');
  const shown =
    /^slotcast_consumer_(slot_state|slot_lag_bytes|publisher_heartbeat_age_seconds|topic_alarm)\b/m;
  assert.match((await here.get('/metrics'))?.body ?? '', shown);
  assert.match((await there.get('/metrics'))?.body ?? '', /^slotcast_publisher_is_publishing 1$/m);
  assert.deepEqual([(await there.get('/fenced'))?.status, (await here.get('/fenced'))?.status], [200, 503]);

  await recreateTopic(scene.log, scene.bootstrapServers, scene.topics.slots);
  await here.logged('this half of the node is refused, and rests', 60_000);
  await there.logged('this half of the node is refused, and rests', 60_000);
  assert.match((await here.get('/readyz'))?.body ?? '', /^failed consumer: refused: /m);
  assert.doesNotMatch((await here.get('/metrics'))?.body ?? '', shown);
  assert.match((await there.get('/metrics'))?.body ?? '', /^slotcast_publisher_is_publishing 0$/m);
  assert.equal((await there.get('/fenced'))?.status, 200, 'a topic is no reason to keep writers away');
});

function residentKib(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  assert.ok(kib !== undefined);
  return Number(kib);
}

test('one process answers for both halves, and is smaller than two', { timeout }, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { publisher, consumer } = await scene.bothServices(scene.primary);
  const standby = await (await scene.service('node', scene.standby())).ready();
  const ready = await standby.get('/readyz');
  assert.match(ready?.body ?? '', /^ok publisher: asleep/m);
  assert.match(ready?.body ?? '', /^ok consumer: following/m);
  assert.match(ready?.body ?? '', /^ok consumer\.publisher: last heard of/m);
  const metrics = (await standby.get('/metrics'))?.body ?? '';
  assert.match(metrics, /^slotcast_node_phase\{half="following",phase="following"\} 1$/m);
  assert.match(metrics, /^slotcast_node_phase\{half="publishing",phase="watching"\} 1$/m);
  assert.match(metrics, /^slotcast_publisher_is_publishing 0$/m);
  assert.match(metrics, /^slotcast_consumer_topic_alarm 0$/m);
  assert.equal(metrics.match(/^slotcast_build_info\{/gm)?.length, 1, 'alerts join with it');
  assert.match(metrics, /^slotcast_build_info\{.*service="node"/m);

  const [one, ...two] = [standby, publisher, consumer].map(({ process }) => residentKib(process.pid));
  assert.ok((one ?? 0) < two.reduce((sum, kib) => sum + kib, 0), `${one} KiB against ${two.join(' + ')}`);
});
