import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LoopScene } from './support/loop-scene.ts';

const TIMEOUT_MS = 600_000;

/** With a slot on the primary whose subscriber confirms at once, and a copy on the standby that is ready. */
async function following(): Promise<LoopScene> {
  const scene = new LoopScene();
  scene.primary.createSlot('app');
  scene.subscribe('app');
  scene.services.start('a', 'publisher');
  scene.services.start('b', 'consumer');
  scene.insert();
  await scene.run(15_000);
  scene.insert();
  await scene.run(5_000);
  assert.equal((await scene.states('b', 'app')).at(-1), 'ready');
  return scene;
}

/** It has got there, and not past its slot on the primary. */
function assertFollowed(scene: LoopScene, slot: string, end: number): void {
  const position = scene.position(scene.standby, slot) ?? 0;
  assert.ok(position >= end, `${slot} stands at ${position}, before ${end}`);
  assert.ok(position <= (scene.position(scene.primary, slot) ?? 0), `${slot} is ahead of its subscriber`);
}

describe("the consumer's loop", { timeout: TIMEOUT_MS }, () => {
  test('makes a copy, and lets it follow within a second', async () => {
    const scene = await following();
    for (let commit = 0; commit < 20; commit += 1) {
      const end = scene.insert();
      await scene.run(1_000);
      assertFollowed(scene, 'app', end);
    }
  });

  test('leaves a copy where it is while replay has not reached the position', async () => {
    const scene = await following();
    scene.standby.pauseReplay(true);
    await scene.run(1_000);
    const before = scene.position(scene.standby, 'app');
    const end = scene.insert();
    await scene.run(20_000);
    assert.ok((scene.position(scene.primary, 'app') ?? 0) >= end);
    assert.equal(scene.position(scene.standby, 'app'), before);
    assert.ok(scene.standby.replayLsn < end);
    scene.standby.pauseReplay(false);
    await scene.run(1_000);
    assertFollowed(scene, 'app', end);
  });

  test('drops its copy of a slot that is gone, and makes one of a slot that is new', async () => {
    const scene = await following();
    scene.primary.createSlot('second');
    const session = scene.subscribe('second');
    for (let commit = 0; commit < 20; commit += 1) {
      scene.insert();
      await scene.run(1_000);
    }
    assert.equal((await scene.states('b', 'second')).at(-1), 'ready');
    assert.notEqual(scene.position(scene.standby, 'second'), undefined);
    session.close();
    await scene.run(100);
    scene.primary.dropSlot('second');
    await scene.run(3_000);
    assert.equal(scene.position(scene.standby, 'second'), undefined);
    assert.notEqual(scene.position(scene.standby, 'app'), undefined);
  });

  test('leaves a slot alone that somebody else has made under the name', async () => {
    const scene = new LoopScene();
    scene.standby.createSlot('app');
    scene.insert();
    await scene.run(20_000);
    scene.primary.createSlot('app');
    scene.subscribe('app');
    scene.services.start('a', 'publisher');
    scene.services.start('b', 'consumer');
    const before = scene.position(scene.standby, 'app');
    scene.insert();
    await scene.run(20_000);
    assert.equal(scene.position(scene.standby, 'app'), before);
    assert.equal((await scene.states('b', 'app')).at(-1), 'conflict');
  });

  test('while Kafka is away the copy stays, and it catches up afterwards', async () => {
    const scene = await following();
    const link = scene.world.link('kafka:consumer@b');
    link.set('refusing');
    const before = scene.position(scene.standby, 'app');
    const end = scene.insert();
    await scene.run(60_000);
    assert.equal(scene.position(scene.standby, 'app'), before);
    link.set('up');
    await scene.run(20_000);
    assertFollowed(scene, 'app', end);
    assert.equal((await scene.states('b', 'app')).at(-1), 'ready');
  });

  test('says so when the publisher has gone silent, and stays where it is', async () => {
    const scene = await following();
    const before = scene.position(scene.standby, 'app');
    scene.services.freeze('a', 'publisher');
    await scene.run(60_000);
    assert.equal((await scene.states('b', 'app')).at(-1), 'unheard');
    assert.equal(scene.position(scene.standby, 'app'), before);
    scene.services.wake('a', 'publisher');
    await scene.run(20_000);
    assert.equal((await scene.states('b', 'app')).at(-1), 'ready');
  });
});
