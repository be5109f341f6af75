import { test } from 'node:test';
import type { PostgresServer } from '@slotcast/testkit';
import { assertNothingMissing, handedOver } from './support/failover.ts';
import {
  assertHandedOver,
  confirmAll,
  confirmUntilReady,
  describePoint,
  type FaultPoint,
  GatedNode,
  startGated,
  type Victim,
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
const ROWS = 5;
const seed = testSeed();

interface Failover {
  readonly scene: Scene;
  readonly primary: PostgresServer;
  readonly node: GatedNode;
  readonly victim: Victim;
  readonly random: RandomSource;
  /** Number of the next row. */
  readonly from: number;
}

/**
 * Inserts rows that the subscribers confirm, and some that they do not; returns all that they have. The standby has yet to replay all that when
 * it is promoted.
 */
async function writeBeforeTheEnd({ scene, primary, node, from }: Failover): Promise<ReadonlySet<number>> {
  await node.server.pauseReplay();
  await insertRows(primary, from, from + ROWS - 1);
  await confirmAll(primary, NAMES);
  const rows = await primary.query<{ id: number }>('select id from numbers');
  for (const name of NAMES) {
    await scene.untilPositionPublished(name, primary);
  }
  await insertRows(primary, from + ROWS, from + 2 * ROWS - 1);
  await node.server.waitFor<{ received: boolean }>(
    `select pg_last_wal_receive_lsn() >= '${await primary.currentLsn()}'::pg_lsn as received`,
    ([row]) => row?.received === true,
  );
  return new Set(rows.map(({ id }) => id));
}

/** Promotes the standby of a killed primary, and kills the consumer or the server amid the hand-off. */
async function failOver(failover: Failover): Promise<string> {
  const { scene, primary, node, victim, random, from } = failover;
  const { server } = node;
  const earlier = await writeBeforeTheEnd(failover);
  const part = random.pick(PARTS);
  const point: FaultPoint = {
    victim,
    side: random.pick(['before', 'after'] as const),
    index: random.below(part.count),
  };
  let isLate = false;
  const killed = node.killAt(point, part.steps).then((step) => {
    isLate = scene.records.node(server.name)?.promotion?.complete === true;
    return step.text.trim().slice(0, 60);
  });
  await primary.kill();
  // The server may be killed before it says that it is promoted.
  await server.promote().catch(() => undefined);
  const what = await Promise.race([killed, handedOver(scene, server.name).then(() => 'nothing to kill')]);
  node.gate('consumer').disarm();
  await node.revive();
  await assertHandedOver(scene, server, { names: NAMES, from: primary.name, orEarlier: isLate });
  await node.service('publisher').ready();
  await insertRows(server, from + 2 * ROWS, from + 3 * ROWS - 1);
  for (const name of NAMES) {
    await assertNothingMissing(server, name, { earlier });
  }
  return `${describePoint(point)}: ${what}`;
}

for (let round = 0; round < testRounds(); round += 1) {
  const seedHere = seed + round;
  test(`the consumer and the server may be killed between any two steps of a hand-off (seed ${seedHere})`, {
    timeout: 180_000,
  }, async (t) => {
    await withSeed(seedHere, async (random) => {
      const major = random.pick([16, 17, 18] as const);
      const { scene, node: first } = await startGated({ major, standbys: ['s1', 's2'] });
      await using cluster = scene;
      await using s1 = first;
      await using s2 = await GatedNode.start(cluster, cluster.standby('s2'));
      const { primary } = cluster;
      await createRows(primary);
      for (const name of NAMES) {
        await cluster.createSlot(name, { plugin: 'pgoutput' });
      }
      await confirmUntilReady(cluster, { primary, nodes: ['s1', 's2'], names: NAMES });
      const shared = { scene: cluster, random };
      t.diagnostic(await failOver({ ...shared, primary, node: s1, victim: 'service', from: 1 }));
      const since = Date.now();
      await s2.server.follow(s1.server);
      await confirmUntilReady(cluster, { primary: s1.server, nodes: ['s2'], names: NAMES, since });
      t.diagnostic(await failOver({ ...shared, primary: s1.server, node: s2, victim: 'server', from: 101 }));
    });
  });
}
