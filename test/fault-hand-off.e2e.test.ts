import { test } from 'node:test';
import { assertNothingMissing } from './support/failover.ts';
import {
  assertHandedOver,
  confirmAll,
  confirmUntilReady,
  describePoint,
  type FaultPoint,
  type GatedNode,
  startGated,
  untilHandedOver,
  untilReceived,
} from './support/fault-scene.ts';
import { type RandomSource, testRounds, testSeed, withSeed } from './support/random-source.ts';
import type { Scene } from './support/scene.ts';
import { createRows, insertRows } from './support/slot-reader.ts';

/** What a hand-off consists of on the server: the fence, then the slots. */
const PARTS = [
  { steps: /pg_current_wal_insert_lsn|pg_logical_emit_message|pg_switch_wal/, count: 7 },
  {
    steps: /START_REPLICATION SLOT|pg_replication_slot_advance|slot_name in \('|ALTER_REPLICATION_SLOT/,
    count: 5,
  },
] as const;
const NAMES = ['first', 'second', 'third'];
const seed = testSeed();

/**
 * Inserts rows that the subscribers confirm, and some that they do not; returns all that they have. The standby has yet to replay all that when
 * it is promoted.
 */
async function writeBeforeTheEnd(scene: Scene, node: GatedNode): Promise<ReadonlySet<number>> {
  const { primary } = scene;
  await node.server.pauseReplay();
  await insertRows(primary, 1, 5);
  await confirmAll(primary, NAMES);
  const rows = await primary.query<{ id: number }>('select id from numbers');
  for (const name of NAMES) {
    await scene.untilPositionPublished(name, primary);
  }
  await insertRows(primary, 6, 10);
  await untilReceived(primary, node.server);
  return new Set(rows.map(({ id }) => id));
}

/** Promotes the standby of a killed primary, and kills the consumer or the server amid the hand-off. */
async function failOver(scene: Scene, node: GatedNode, random: RandomSource): Promise<string> {
  const { primary } = scene;
  const { server } = node;
  const earlier = await writeBeforeTheEnd(scene, node);
  const part = random.pick(PARTS);
  const point: FaultPoint = {
    victim: random.pick(['service', 'server'] as const),
    side: random.pick(['before', 'after'] as const),
    index: random.below(part.count),
  };
  let isLate = false;
  const killed = node.killAt(point, part.steps).then((step) => {
    isLate = scene.records.node(server.name)?.promotion !== undefined;
    return step.text.trim().slice(0, 60);
  });
  await primary.kill();
  // The server may be killed before it says that it is promoted.
  await server.promote().catch(() => undefined);
  const what = await Promise.race([
    killed,
    untilHandedOver(scene, server.name).then(() => 'nothing to kill'),
  ]);
  node.gate('consumer').disarm();
  await node.revive();
  await assertHandedOver(scene, server, { names: NAMES, from: primary.name, orEarlier: isLate });
  await node.service('publisher').ready();
  await insertRows(server, 11, 15);
  for (const name of NAMES) {
    await assertNothingMissing(server, name, { earlier });
  }
  return `${describePoint(point)}: ${what}`;
}

for (let round = 0; round < testRounds(); round += 1) {
  const seedHere = seed + round;
  test(`the consumer and the server may be killed between any two steps of a hand-off (seed ${seedHere})`, {
    timeout: 480_000,
  }, async (context) => {
    await withSeed(seedHere, async (random) => {
      const { scene, node } = await startGated({ major: random.pick([16, 17, 18] as const) });
      await using cluster = scene;
      await using gated = node;
      const { primary } = cluster;
      await createRows(primary);
      for (const name of NAMES) {
        await cluster.createSlot(name, { plugin: 'pgoutput' });
      }
      await confirmUntilReady(cluster, { primary, nodes: ['s1'], names: NAMES });
      context.diagnostic(await failOver(cluster, gated, random));
    });
  });
}
