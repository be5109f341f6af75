import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { waitUntil } from '@slotcast/testkit';
import { position, Scene } from './support/scene.ts';

const timeout = 240_000;

for (const major of [16, 17, 18] as const) {
  describe(`PostgreSQL ${major}`, () => {
    test('a slot is made, moved and dropped on the standby as on the primary', { timeout }, async () => {
      await using scene = await Scene.start({ major });
      await scene.startServices();
      await scene.createSlot('app1');
      await scene.records.waitForState('s1', 'app1', 'catching_up', {
        reason: /waits for the subscriber of slot app1/,
      });
      assert.equal(await position(scene.standby(), 'app1'), undefined, 'an unsafe slot has no real name');

      await scene.untilReady('app1');
      for (let moves = 0; moves < 3; moves += 1) {
        await scene.confirm('app1');
        await scene.untilEqual('app1');
      }

      await scene.primary.query("select pg_drop_replication_slot('app1')");
      await waitUntil(async () => (await position(scene.standby(), 'app1')) === undefined, {
        describe: 'the drop on the standby',
      });
      await scene.records.waitForState('s1', 'app1', undefined);
    });
  });
}
