import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PostgresServer, waitUntil } from '@slotcast/testkit';
import { whyOf } from './support/node-records.ts';
import { contentOf, insert } from './support/rebuild-scene.ts';
import { position, Scene } from './support/scene.ts';

const SLOT = 'app';

/** Confirms on a server until the copy on a standby is ready and stands where the slot does there. */
async function untilFollowed(scene: Scene, from: PostgresServer, on: PostgresServer): Promise<void> {
  await waitUntil(
    async () => {
      const there = await scene.confirm(SLOT, { server: from });
      await from.waitForReplay(on);
      const isReady = scene.records.slot(on.name, SLOT)?.state === 'ready';
      return isReady && (await position(on, SLOT)) === there;
    },
    {
      intervalMs: 200,
      describe: () => `${SLOT} followed on ${on.name} (${whyOf(scene.records.slot(on.name, SLOT))})`,
    },
  );
}

for (const major of [16, 17, 18] as const) {
  test(`PostgreSQL ${major}: a standby of a standby follows, through the promotion of the one between and its own`, {
    timeout: 240_000,
  }, async () => {
    await using scene = await Scene.start({ major });
    const { primary } = scene;
    const middle = scene.standby();
    const last = await middle.addStandby({ name: 's2' });
    await primary.query('create table public.t (id int primary key, note text)');
    await scene.createSlot(SLOT);
    for (const server of [primary, middle, last]) {
      await (await scene.service('node', server)).ready();
    }
    await untilFollowed(scene, primary, middle);
    await untilFollowed(scene, primary, last);

    await insert(primary, 1);
    await primary.waitForReplay(last);
    const before = await contentOf(primary, SLOT);
    await primary.kill();
    await middle.promote();
    assert.deepEqual(await contentOf(middle, SLOT), before);
    await untilFollowed(scene, middle, last);

    await insert(middle, 2);
    await middle.waitForReplay(last);
    const after = await contentOf(middle, SLOT);
    assert.equal(after.length, 1);
    await middle.kill();
    await last.promote();
    assert.deepEqual(await contentOf(last, SLOT), after);
  });
}
