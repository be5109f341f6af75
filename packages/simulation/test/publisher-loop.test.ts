import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HEARTBEAT_MS, type Manifest, type SlotEvent } from '@slotcast/domain';
import { createPlaceholder } from '../src/postgres/slot-work.ts';
import { LoopScene } from './support/loop-scene.ts';

const TIMEOUT_MS = 600_000;

/** With a publisher that has claimed the topic. */
async function publishing(): Promise<LoopScene> {
  const scene = new LoopScene();
  scene.primary.createSlot('app');
  scene.services.start('a', 'publisher');
  await scene.run(3_000);
  return scene;
}

function isManifest(record: SlotEvent | Manifest): record is Manifest {
  return record.kind === 'manifest';
}

function namesOf(manifest: Manifest | undefined): readonly string[] {
  return (manifest?.slots ?? []).map(({ name }) => name);
}

describe("the publisher's loop", { timeout: TIMEOUT_MS }, () => {
  test('tells of a slot together with the manifest that lists it', async () => {
    const scene = await publishing();
    const seen: (readonly string[])[] = [];
    scene.broker.watch(() => {
      const topic = scene.broker.topic(scene.services.topics.slots);
      seen.push(
        (topic?.committed ?? []).map(({ key }) => (key === null ? '' : new TextDecoder().decode(key))),
      );
    });
    scene.primary.createSlot('second');
    await scene.run(1_000);
    const first = seen.findIndex((keys) => keys.some((key) => key.endsWith('second')));
    assert.notEqual(first, -1);
    const before = seen[first - 1] ?? [];
    const news = seen[first]?.slice(before.length) ?? [];
    assert.ok(news.includes('@manifest'), `alone: ${news.join()}`);
    assert.deepEqual(namesOf((await scene.published()).findLast(isManifest)), ['app', 'b', 'second']);
  });

  test('writes nothing but heartbeats at rest', async () => {
    const scene = await publishing();
    const before = (await scene.published()).length;
    await scene.run(10 * HEARTBEAT_MS);
    const news = (await scene.published()).slice(before);
    assert.deepEqual(
      news.filter((record) => record.kind === 'slot' && record.slot === 'app'),
      [],
    );
    const { length } = news.filter(isManifest);
    assert.ok(length === 10 || length === 9, `${length} heartbeats`);
  });

  test('tells of a move within a poll, and holds back a slot that moves all the time', async () => {
    const scene = await publishing();
    scene.subscribe('app');
    await scene.run(1_000);
    const end = scene.insert();
    await scene.run(700);
    const moved = (await scene.events('app')).at(-1);
    assert.equal(Number(moved?.state?.confirmedFlushLsn), end);
    const before = (await scene.events('app')).length;
    for (let commit = 0; commit < 1_000; commit += 1) {
      scene.insert();
      await scene.run(10);
    }
    const told = (await scene.events('app')).length - before;
    assert.ok(told >= 10 && told <= 110, `${told} events of 1000 commits within 10 s`);
    await scene.run(2_000);
    const last = (await scene.events('app')).at(-1);
    assert.equal(Number(last?.state?.confirmedFlushLsn), scene.position(scene.primary, 'app'));
  });

  test('numbers what it writes without a gap, at positions that never go back', async () => {
    const scene = await publishing();
    scene.subscribe('app');
    for (let commit = 0; commit < 50; commit += 1) {
      scene.insert();
      await scene.run(100);
    }
    const published = await scene.published();
    assert.ok(published.length > 10);
    published.forEach((record, index) => {
      assert.equal(record.seq, index + 1);
      assert.ok(index === 0 || record.lsn >= (published[index - 1]?.lsn ?? 0n));
    });
  });

  test('tells of a slot that was dropped and made anew as another incarnation', async () => {
    const scene = await publishing();
    scene.primary.dropSlot('app');
    await scene.run(1_000);
    scene.primary.createSlot('app');
    await scene.run(1_000);
    const events = await scene.events('app');
    const [created, , , again] = events;
    assert.deepEqual(
      events.map(({ op }) => op),
      ['create', 'drop', 'drop', 'create'],
    );
    assert.notDeepEqual(created?.incarnation, again?.incarnation);
    scene.primary.dropSlot('app');
    await scene.run(1_000);
    assert.deepEqual(namesOf((await scene.published()).findLast(isManifest)), ['b']);
  });

  test('tells of a slot that was quarantined in its tenure as orphaned, by its placeholder or by the copy that comes before', async () => {
    const scene = await publishing();
    const { primary } = scene;
    primary.createSlot('other');
    await scene.run(1_000);
    primary.dropSlot('app');
    createPlaceholder(primary.core, 'app');
    primary.copySlot('other', 'other_diverged');
    primary.dropSlot('other');
    await scene.run(1_000);
    for (const slot of ['app', 'other']) {
      assert.deepEqual(
        (await scene.events(slot)).map(({ op }) => op),
        ['create'],
      );
    }
    const newest = (await scene.published()).findLast(isManifest);
    assert.deepEqual(
      newest?.orphans?.map(({ name, cause }) => `${name} ${cause}`),
      ['app quarantined', 'other quarantined'],
    );
    assert.deepEqual(namesOf(newest), ['b', 'other_diverged']);
  });

  test('an answer of Kafka that is lost ends the tenure, and the next one tells what is so', async () => {
    const scene = await publishing();
    scene.subscribe('app');
    scene.world.on({ process: 'publisher@a', kind: 'kafka.commit', nth: 1, moment: 'after' }, () => {
      const link = scene.world.link('kafka:publisher@a');
      link.set('refusing');
      scene.world.after(12_000, () => link.set('up'));
    });
    scene.insert();
    await scene.run(40_000);
    const published = await scene.published();
    assert.equal(published.at(-1)?.epoch, 2);
    const creations = (await scene.events('app')).filter(({ op }) => op === 'create');
    assert.equal(creations.length, 1, 'the slot stays the incarnation that it was');
    assert.equal(
      Number((await scene.events('app')).at(-1)?.state?.confirmedFlushLsn),
      scene.position(scene.primary, 'app'),
    );
  });

  test('a publisher that was frozen while another took over writes nothing more', async () => {
    const scene = await publishing();
    scene.services.start('b', 'consumer');
    scene.services.start('b', 'publisher');
    await scene.run(10_000);
    scene.services.freeze('a', 'publisher');
    scene.primary.crash();
    scene.standby.promote();
    await scene.run(40_000);
    const { length } = await scene.published();
    assert.equal((await scene.published()).at(-1)?.node, 'b');
    scene.primary.start();
    scene.services.wake('a', 'publisher');
    await scene.run(20_000);
    const news = (await scene.published()).slice(length);
    assert.ok(news.length > 0);
    assert.deepEqual([...new Set(news.map(({ node }) => node))], ['b']);
  });

  test('sleeps beside a standby, and writes nothing', async () => {
    const scene = new LoopScene();
    scene.services.start('b', 'publisher');
    await scene.run(30_000);
    assert.deepEqual(await scene.published(), []);
    assert.deepEqual(await scene.told('b'), []);
    assert.ok(scene.notes.some((note) => note.kind === 'log' && /asleep/.test(note.message)));
  });
});
