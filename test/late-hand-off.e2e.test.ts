import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HAND_OFF_RECORD_MS } from '@slotcast/domain';
import type { PostgresServer } from '@slotcast/testkit';
import { assertNothingMissing, handedOver } from './support/failover.ts';
import { Scene } from './support/scene.ts';
import { createRows, insertRows, Load, SlotReader } from './support/slot-reader.ts';

const timeout = 240_000;

/** Kills the primary of a slot that is ready on the standby, and returns what its subscriber has received. */
async function loseThePrimary(scene: Scene): Promise<ReadonlySet<number>> {
  await createRows(scene.primary);
  await scene.createSlot('app1', { plugin: 'pgoutput' });
  await scene.untilReady('app1');
  const reader = new SlotReader({ server: scene.primary, slot: 'app1' });
  const load = new Load(scene.primary, { from: 1 });
  await reader.until([20]);
  await Promise.all([load.stop(), reader.stop()]);
  // Nobody sees the end of recovery in some of these tests: a subscriber that was ahead would lose its slot.
  await scene.primary.waitForReplay(scene.standby());
  await scene.primary.kill();
  return reader.received;
}

async function assertHandedOver(scene: Scene): Promise<void> {
  const { lost } = await handedOver(scene, 's1');
  assert.deepEqual(lost, []);
}

/** Rows of the new primary reach the subscriber, and so did all before them. */
async function assertGoesOn(standby: PostgresServer, earlier: ReadonlySet<number>): Promise<void> {
  await insertRows(standby, 10_001, 10_010);
  await assertNothingMissing(standby, 'app1', { earlier });
}

test('a node that was killed right before the promotion, and started again, hands the slots over at once', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { primary } = scene;
  const standby = scene.standby();
  await (await scene.service('node', primary)).ready();
  const here = await (await scene.service('node', standby)).ready();
  const earlier = await loseThePrimary(scene);
  await here.kill();
  await standby.promote();
  const again = await scene.service('node', standby);
  await assertHandedOver(scene);
  await again.logged('claimed the topic');
  // One half waits for the other, and neither for the process that is gone.
  const log = await again.process.log();
  assert.ok(!log.includes('the slots were not handed over in time'), log);
  await assertGoesOn(standby, earlier);
});

test('a consumer that was started again after the promotion hands the slots over, with no publisher there', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { primary } = scene;
  const standby = scene.standby();
  await (await scene.service('publisher', primary)).ready();
  const consumer = await (await scene.service('consumer', standby)).ready();
  const earlier = await loseThePrimary(scene);
  await consumer.kill();
  await standby.promote();
  const again = await scene.service('consumer', standby);
  await assertHandedOver(scene);
  await again.logged('asleep: the server is a primary');
  await assertGoesOn(standby, earlier);
});

test('a publisher waits for a consumer that is frozen, and then ends its session and hands over', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const { primary } = scene;
  const standby = scene.standby();
  await (await scene.service('publisher', primary)).ready();
  const { publisher, consumer } = await scene.bothServices(standby);
  const earlier = await loseThePrimary(scene);
  consumer.process.signal('SIGSTOP');
  try {
    const promoted = Date.now();
    await standby.promote();
    await handedOver(scene, 's1');
    assert.ok(Date.now() - promoted >= HAND_OFF_RECORD_MS);
    await publisher.logged('claimed the topic');
  } finally {
    consumer.process.signal('SIGCONT');
  }
  await consumer.logged('asleep: the server is a primary', 60_000);
  await assertGoesOn(standby, earlier);
});
