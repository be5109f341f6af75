import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNothingMissing } from './support/failover.ts';
import {
  assertHandedOver,
  confirmAll,
  confirmUntilReady,
  describePoint,
  type FaultPoint,
  type GatedNode,
  repeatUntil,
  startGated,
  untilSettled,
} from './support/fault-scene.ts';
import { type RandomSource, testRounds, testSeed, withSeed } from './support/random-source.ts';
import type { Scene } from './support/scene.ts';
import { createRows, insertRows } from './support/slot-reader.ts';
import { SlotWatch } from './support/slot-watch.ts';

/** What a move consists of: each slot's, and the look at where they stand afterwards. */
const STEPS = /START_REPLICATION SLOT|pg_replication_slot_advance|where slot_name in \('/;
const NAMES = ['first', 'second', 'third', 'two'];
/** The moves of all slots and the looks around them. */
const STEP_COUNT = 8;
const FAULTS = 3;
const seed = testSeed();

function randomPoint(random: RandomSource): FaultPoint {
  return {
    victim: random.pick(['service', 'server'] as const),
    side: random.pick(['before', 'after'] as const),
    index: random.below(STEP_COUNT),
  };
}

/** Confirms all slots at once, again and again, until the fault has happened. */
function confirmUntil(
  { primary }: Scene,
  happened: Promise<unknown>,
  { primaryMayEnd = false } = {},
): Promise<void> {
  const work = (): Promise<void> => confirmAll(primary, NAMES);
  return repeatUntil(happened, work, { pauseMs: 30, mayFail: primaryMayEnd });
}

async function faultWhileMoving(scene: Scene, node: GatedNode, random: RandomSource): Promise<string> {
  const point = randomPoint(random);
  if (random.chance(30)) {
    // Then every position that is confirmed lies beyond replay.
    await scene.standby().pauseReplay();
    await confirmAll(scene.primary, NAMES);
  }
  const killed = node.killAt(point, STEPS);
  await scene.standby().resumeReplay();
  await confirmUntil(scene, killed);
  await node.revive();
  await untilSettled(scene, NAMES);
  return `${describePoint(point)}: ${(await killed).text.slice(0, 60)}`;
}

async function killPrimaryWhileMoving(scene: Scene, node: GatedNode, random: RandomSource): Promise<string> {
  const point = randomPoint(random);
  const { side, index } = point;
  await insertRows(scene.primary, 1, 5);
  await confirmUntil(
    scene,
    node.gate('consumer').arm({ steps: STEPS, side, index, fault: () => scene.primary.kill() }),
    { primaryMayEnd: true },
  );
  return `the primary killed ${side} step ${index}`;
}

for (let round = 0; round < testRounds(); round += 1) {
  const seedHere = seed + round;
  test(`a consumer, its standby and the primary may be killed between any two steps of a move (seed ${seedHere})`, {
    timeout: 240_000,
  }, async (t) => {
    await withSeed(seedHere, async (random) => {
      const { scene, node } = await startGated({ major: random.pick([16, 17, 18] as const) });
      await using cluster = scene;
      await using gated = node;
      const { primary } = cluster;
      await createRows(primary);
      for (const [index, name] of NAMES.entries()) {
        await cluster.createSlot(name, {
          plugin: index === 1 ? 'test_decoding' : 'pgoutput',
          twoPhase: name === 'two',
        });
      }
      await confirmUntilReady(cluster, { primary, nodes: ['s1'], names: NAMES });
      await using watch = new SlotWatch({ primary, standby: cluster.standby(), names: NAMES });
      for (let fault = 0; fault < FAULTS; fault += 1) {
        t.diagnostic(await faultWhileMoving(cluster, gated, random));
      }
      t.diagnostic(await killPrimaryWhileMoving(cluster, gated, random));
      assert.deepEqual(await watch.stop(), []);
      await cluster.standby().promote();
      await assertHandedOver(cluster, cluster.standby(), { names: NAMES, from: primary.name });
      await insertRows(cluster.standby(), 6, 10);
      await assertNothingMissing(cluster.standby(), 'first', { earlier: new Set([1, 2, 3, 4, 5]) });
    });
  });
}
