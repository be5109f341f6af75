import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { HAND_OFF_RECORD_MS } from '@slotcast/domain';
import { waitUntil } from '@slotcast/testkit';
import { handedOver } from './support/failover.ts';
import { confirmAll, confirmUntilReady, GatedNode } from './support/fault-scene.ts';
import { position, Scene } from './support/scene.ts';

const NAMES = ['app1', 'app2', 'app3'];
const STEPS = /pg_copy_logical_replication_slot|pg_drop_replication_slot/;
/** What ends the step that was under way: the drop of the slot that was copied. */
const UNDER_WAY = 1;
const timeout = 480_000;

/** Has subscribers confirm what the standby never received, and kills the primary. */
async function leaveAhead(scene: Scene): Promise<void> {
  await confirmUntilReady(scene, { primary: scene.primary, nodes: ['s1'], names: NAMES });
  await scene.primary.waitForReplay(scene.standby());
  await scene.standby().cutOff();
  await confirmAll(scene.primary, NAMES);
  for (const name of NAMES) {
    await scene.untilPositionPublished(name);
  }
  await scene.primary.kill();
}

test('a consumer that was held up in its hand-off begins no step any more when the publisher has taken over', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const quarantine = { SLOTCAST_ON_DIVERGENCE: 'quarantine' };
  await (await scene.service('publisher', scene.primary)).ready();
  await using node = await GatedNode.start(scene, scene.standby(), quarantine);
  for (const name of NAMES) {
    await scene.createSlot(name);
  }
  await leaveAhead(scene);

  const gate = node.gate('consumer');
  const takenOver = new AbortController();
  const held = gate.arm({
    steps: STEPS,
    index: 0,
    side: 'before',
    alone: true,
    fault: async () => {
      await once(takenOver.signal, 'abort');
      // From here on they are only counted.
      void gate.arm({ steps: STEPS, index: Number.POSITIVE_INFINITY, side: 'before', fault: async () => {} });
    },
  });
  await node.server.promote();
  const { ahead } = await handedOver(scene, 's1');
  assert.deepEqual(
    new Map(ahead.map(({ slot, outcome }) => [String(slot), outcome])),
    new Map(NAMES.map((name) => [name, 'quarantined'])),
  );
  takenOver.abort();
  await held;
  await node.service('consumer').logged('asleep: the server is a primary');
  assert.ok(gate.steps <= UNDER_WAY, `${gate.steps} steps`);
  for (const name of NAMES) {
    assert.equal(await position(node.server, name), undefined);
    assert.notEqual(await position(node.server, `${name}_diverged`), undefined);
  }
});

test('of two publishers that begin to hand over at the same time one publishes in the end', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18 });
  const standby = scene.standby();
  await (await scene.service('publisher', scene.primary)).ready();
  const consumer = await (await scene.service('consumer', standby)).ready();
  for (const name of NAMES) {
    await scene.createSlot(name);
  }
  await leaveAhead(scene);
  await consumer.kill();
  const publishers = [
    await scene.service('publisher', standby),
    await scene.service('publisher', standby),
  ] as const;
  await Promise.all(publishers.map((publisher) => publisher.ready()));
  await standby.promote();
  await handedOver(scene, 's1');
  await waitUntil(() => publishers.some(({ process }) => !process.isRunning), {
    describe: 'one of two publishers of a node to see the other',
    timeoutMs: 3 * HAND_OFF_RECORD_MS,
  });
  const left = publishers.filter(({ process }) => process.isRunning);
  assert.equal(left.length, 1);
  await left[0]?.logged('claimed the topic');
  for (const name of NAMES) {
    // Their guards have raised the fence, or whoever hands over has quarantined them: never neither.
    const here = await position(standby, name);
    const renamed = await position(standby, `${name}_diverged`);
    assert.ok((here === undefined) !== (renamed === undefined), name);
  }
});
