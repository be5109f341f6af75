import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresServer } from '@slotcast/testkit';
import { assertNothingMissing } from './support/failover.ts';
import { untilHandedOver, untilReceived } from './support/fault-scene.ts';
import { type RandomSource, testRounds, testSeed, withSeed } from './support/random-source.ts';
import { Scene } from './support/scene.ts';
import type { ServiceName, ServiceProcess } from './support/service-process.ts';
import { createRows, Load, SlotReader } from './support/slot-reader.ts';

const NAMES = ['first', 'second', 'third'];
const KILLS = 3;
const seed = testSeed();

/** A service that is started again when it was killed. */
class Restartable {
  readonly #scene: Scene;
  readonly #name: ServiceName;
  readonly #server: PostgresServer;
  #running: ServiceProcess | undefined;

  constructor(scene: Scene, name: ServiceName, server: PostgresServer) {
    this.#scene = scene;
    this.#name = name;
    this.#server = server;
  }

  async start(): Promise<void> {
    this.#running = await (await this.#scene.service(this.#name, this.#server)).ready();
  }

  async restart(): Promise<void> {
    await this.#running?.kill();
    await this.start();
  }
}

/** Kills one of the parts beside the primary, or the standby, and starts it again. */
async function disturb(scene: Scene, services: readonly Restartable[], random: RandomSource): Promise<void> {
  await sleep(random.below(500));
  const victim = random.pick([...services, 'standby'] as const);
  await (victim === 'standby' ? scene.standby().restart('immediate') : victim.restart());
}

for (let round = 0; round < testRounds(); round += 1) {
  const seedHere = seed + round;
  test(`subscribers miss no row when services, standby and primary are killed at random under load (seed ${seedHere})`, {
    timeout: 480_000,
  }, async () => {
    await withSeed(seedHere, async (random) => {
      await using scene = await Scene.start({ major: random.pick([16, 17, 18] as const) });
      const { primary } = scene;
      const standby = scene.standby();
      await createRows(primary);
      const disturbed = [
        new Restartable(scene, 'publisher', primary),
        new Restartable(scene, 'consumer', standby),
      ];
      await Promise.all(disturbed.map((service) => service.start()));
      await (await scene.service('publisher', standby)).ready();
      for (const name of NAMES) {
        await scene.createSlot(name, { plugin: 'pgoutput' });
      }
      const readers = NAMES.map((slot) => new SlotReader({ server: primary, slot }));
      const load = new Load(primary, { from: 1 });
      for (const name of NAMES) {
        await scene.records.waitForState('s1', name, 'ready');
      }
      for (let kill = 0; kill < KILLS; kill += 1) {
        await disturb(scene, disturbed, random);
      }
      // A subscriber that had WAL that the standby never gets would be ahead of it, and its slot be put aside.
      await Promise.all(readers.map((reader) => reader.stop()));
      await untilReceived(primary, standby);
      await primary.kill();
      await load.stop();
      await standby.promote();
      await untilHandedOver(scene, 's1');
      for (const [index, slot] of NAMES.entries()) {
        await assertNothingMissing(standby, slot, { earlier: readers[index]?.received ?? new Set() });
      }
    });
  });
}
