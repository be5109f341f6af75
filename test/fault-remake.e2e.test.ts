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

/** What making slots anew consists of: a leading slot, its way, each slot's drop and copy, and the end of the leading slot. */
const STEPS = /pg_copy_logical_replication_slot|pg_replication_slot_advance|pg_drop_replication_slot/;
/** Just the statement in which a slot is missing for a moment. */
const REMAKES = /look\.obstacle/;
const NAMES = Array.from({ length: 12 }, (_, index) => `app${index}`);
const READ = 'app0';
/** Little may be decoded, and little WAL be kept, so that slots are made anew as under a heavy load. */
const BUSY = { SLOTCAST_RESTART_GAP: '1 MiB', SLOTCAST_ADVANCE_DUTY: '0.01' };
const FAULTS = 2;
const seed = testSeed();

function randomPoint(random: RandomSource): FaultPoint & { readonly steps: RegExp } {
  const victim = random.pick(['service', 'server'] as const);
  return random.chance(50)
    ? { victim, steps: REMAKES, side: 'during', index: random.below(NAMES.length), delayMs: random.below(6) }
    : { victim, steps: STEPS, side: random.pick(['before', 'after'] as const), index: random.below(12) };
}

/** Writes WAL that the slots have to leave behind, and confirms it, until the fault has happened. */
function writeUntil(
  { primary }: Scene,
  happened: Promise<unknown>,
  { primaryMayEnd = false } = {},
): Promise<void> {
  const work = async (): Promise<void> => {
    await primary.query("insert into filler (note) select repeat('x', 2000) from generate_series(1, 700)");
    await primary.query('select pg_log_standby_snapshot()');
    await confirmAll(primary, NAMES);
  };
  // As much as a share of 1 % of a core can decode once, but not slot by slot.
  return repeatUntil(happened, work, { pauseMs: 300, mayFail: primaryMayEnd });
}

async function faultWhileRemaking(scene: Scene, node: GatedNode, random: RandomSource): Promise<string> {
  const point = randomPoint(random);
  const killed = node.killAt(point, point.steps);
  await writeUntil(scene, killed);
  await node.revive();
  await untilSettled(scene, NAMES);
  return `${describePoint(point)}: ${(await killed).text.trim().slice(0, 60)}`;
}

async function killPrimaryWhileRemaking(
  scene: Scene,
  node: GatedNode,
  random: RandomSource,
): Promise<string> {
  const { steps, side, index } = randomPoint(random);
  await insertRows(scene.primary, 1, 5);
  const fault = (): Promise<void> => scene.primary.kill();
  await writeUntil(scene, node.gate('consumer').arm({ steps, side, index, fault }), { primaryMayEnd: true });
  return `the primary killed ${side} step ${index}`;
}

for (let round = 0; round < testRounds(); round += 1) {
  const seedHere = seed + round;
  test(`no slot stays missing when the consumer, its standby or the primary is killed while slots are made anew (seed ${seedHere})`, {
    timeout: 360_000,
  }, async (context) => {
    await withSeed(seedHere, async (random) => {
      const { scene, node } = await startGated({ major: random.pick([16, 17, 18] as const) }, BUSY);
      await using cluster = scene;
      await using gated = node;
      const { primary } = cluster;
      await createRows(primary);
      await primary.query('create table filler (note text)');
      for (const name of NAMES) {
        await cluster.createSlot(name, { plugin: name === READ ? 'pgoutput' : 'test_decoding' });
      }
      await confirmUntilReady(cluster, { primary, nodes: ['s1'], names: NAMES });
      await using watch = new SlotWatch({ primary, standby: cluster.standby(), names: NAMES });
      for (let fault = 0; fault < FAULTS; fault += 1) {
        context.diagnostic(await faultWhileRemaking(cluster, gated, random));
      }
      context.diagnostic(await killPrimaryWhileRemaking(cluster, gated, random));
      assert.deepEqual(await watch.stop(), []);
      const standby = cluster.standby();
      await standby.promote();
      await assertHandedOver(cluster, standby, { names: NAMES, from: primary.name });
      await standby.waitFor(
        "select slot_name from pg_replication_slots where slot_name like 'slotcast\\_%'",
        (rows) => rows.length === 0,
      );
      await insertRows(standby, 6, 10);
      await assertNothingMissing(standby, READ, { earlier: new Set([1, 2, 3, 4, 5]) });
    });
  });
}
