import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { waitUntil } from '@slotcast/testkit';
import { collectGarbage } from '../../event-log/test/collect-garbage.ts';
import { Server } from '../src/postgres/server.ts';
import type { Note, SimServer } from '../src/types.ts';
import { NodeServices } from '../src/world/node-services.ts';
import { SimWorld } from '../src/world/sim-world.ts';

interface Scene {
  readonly world: SimWorld;
  readonly a: Server;
  readonly b: Server;
  readonly services: NodeServices;
  readonly notes: Note[];
}

/** Two nodes with both services each, a slot that is read and one that is not, and an application that writes. */
function openScene(seed: number): Scene {
  const world = new SimWorld(seed, { keepTrace: true });
  const a = Server.createPrimary(world, 'a');
  const b = a.addStandby('b');
  const servers = new Map<string, SimServer>([
    ['a', a],
    ['b', b],
  ]);
  const notes: Note[] = [];
  const services = new NodeServices({
    world,
    servers,
    settings: { onDivergence: 'fence', pollMs: { min: 100, max: 500 } },
    onNote: (note) => notes.push(note),
  });
  a.createSlot('read');
  a.createSlot('idle');
  const subscriber = world.spawn('subscriber:read');
  const subscription = a.subscribe(subscriber, {
    slot: 'read',
    onDelivery: ({ end }) => subscription.confirm(end),
    onEnd: () => undefined,
  });
  const write = (): void => {
    if (a.running && !a.inRecovery) {
      const xid = a.begin();
      a.write(xid, 1);
      a.commit(xid);
    }
    world.after(200, write);
  };
  write();
  for (const node of servers.keys()) {
    services.start(node, 'publisher');
    services.start(node, 'consumer');
  }
  return { world, a, b, services, notes };
}

/** Slots that slotcast did not make for its own work. */
function namesOn(server: SimServer): string[] {
  return server.slots
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('slotcast_'))
    .toSorted();
}

async function runOnce(): Promise<WeakRef<SimWorld>> {
  const { world, services } = openScene(5);
  await world.run(8_000);
  services.kill('b', 'consumer', false);
  await world.run(8_000);
  return new WeakRef(world);
}

describe('services over a world', { timeout: 60_000 }, () => {
  test('a slot that is read comes to be on the standby, one that nobody moves on cannot', async () => {
    const { world, b, notes } = openScene(1);
    await world.run(20_000);
    assert.deepEqual(namesOn(b), ['read']);
    assert.deepEqual(notes, []);
  });

  test('the same seed takes the same course, another one does not', async () => {
    const courses: (readonly string[])[] = [];
    for (const seed of [1, 1, 2]) {
      const { world, a, b, services } = openScene(seed);
      await world.run(6_000);
      services.kill('b', 'consumer', false);
      services.freeze('b', 'publisher');
      await world.run(4_000);
      a.crash();
      b.promote();
      services.wake('b', 'publisher');
      await world.run(8_000);
      courses.push([world.trail.hash, ...world.trail.lines]);
    }
    const [first, again, other] = courses;
    assert.deepEqual(first, again);
    assert.notEqual(first?.[0], other?.[0]);
  });

  test('a consumer that is killed is started again and goes on', async () => {
    const { world, b, services } = openScene(3);
    await world.run(500);
    services.kill('b', 'consumer', false);
    assert.equal(services.process('b', 'consumer'), undefined);
    await world.run(20_000);
    assert.ok(namesOn(b).includes('read'));
  });

  test('a consumer that stays down does nothing', async () => {
    const { world, b, services } = openScene(3);
    services.kill('b', 'consumer', true);
    await world.run(20_000);
    assert.deepEqual(namesOn(b), []);
  });

  test('without the brokers nothing is made, and all is made when they are back', async () => {
    const { world, b } = openScene(4);
    const links = ['publisher@a', 'consumer@a', 'publisher@b', 'consumer@b'].map((name) =>
      world.link(`kafka:${name}`),
    );
    for (const link of links) {
      link.set('silent');
    }
    await world.run(30_000);
    assert.deepEqual(namesOn(b), []);
    for (const link of links) {
      link.set('up');
    }
    await world.run(30_000);
    assert.ok(namesOn(b).includes('read'));
  });

  test('nothing is left of a world that is over, although its services were never stopped', async () => {
    const worlds = [await runOnce(), await runOnce()];
    await waitUntil(
      () => {
        collectGarbage();
        return worlds.every((world) => world.deref() === undefined);
      },
      { describe: 'the worlds to be collected as garbage', timeoutMs: 20_000 },
    );
  });
});
