import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PostgresServer } from '@slotcast/testkit';
import { assertNothingMissing, handedOver, knownAhead, readyAsStandby } from './support/failover.ts';
import { Scene } from './support/scene.ts';
import { createRows, insertRows } from './support/slot-reader.ts';

const timeout = 240_000;

const CREATE_FAILOVER_SLOT =
  "select pg_create_logical_replication_slot($1, 'pgoutput', temporary => false, twophase => false, failover => true)";

/** Waits until PostgreSQL's own slot synchronisation has a lasting copy of the slot, while its subscriber moves on `primary`. */
async function untilSynced(
  scene: Scene,
  slot: string,
  on: PostgresServer,
  primary: PostgresServer,
): Promise<void> {
  const confirming = scene.keepConfirming(slot, { server: primary });
  await on.waitFor<{ synced: boolean; temporary: boolean }>(
    `select synced, temporary from pg_replication_slots where slot_name = '${slot}'`,
    ([row]) => row?.synced === true && !row.temporary,
    60_000,
  );
  await confirming.stop();
}

async function failoverOf(server: PostgresServer, slot: string): Promise<boolean | undefined> {
  const [row] = await server.query<{ failover: boolean }>(
    'select failover from pg_replication_slots where slot_name = $1',
    [slot],
  );
  return row?.failover;
}

for (const major of [17, 18] as const) {
  describe(`PostgreSQL ${major}`, () => {
    test("the server's own slot synchronisation and slotcast keep their slots side by side, through a failover and the return", {
      timeout,
    }, async () => {
      await using scene = await Scene.start({ major, settings: { sync_replication_slots: 'on' } });
      const { primary } = scene;
      const standby = scene.standby();
      await standby.setConfig({ sync_replication_slots: 'on' });
      await createRows(primary);
      await scene.bothServices(primary);
      await scene.bothServices(standby);
      await primary.query(CREATE_FAILOVER_SLOT, ['servers']);
      await scene.createSlot('ours', { plugin: 'pgoutput' });
      await scene.records.waitForState('s1', 'servers', 'native');
      await untilSynced(scene, 'servers', standby, primary);
      await scene.untilReady('ours');
      await insertRows(primary, 1, 5);
      await primary.waitForReplay(standby);
      await primary.kill();
      await standby.promote();
      await insertRows(standby, 6, 9);
      const promotion = await handedOver(scene, 's1');
      assert.deepEqual([knownAhead(promotion), promotion.lost], [[], []]);
      const arrived = {
        ours: await assertNothingMissing(standby, 'ours'),
        servers: await assertNothingMissing(standby, 'servers'),
      };
      assert.ok([1, 5, 6, 9].every((id) => arrived.ours.has(id) && arrived.servers.has(id)));

      const since = Date.now();
      await primary.recloneFrom(standby);
      await scene.records.waitForState(primary.name, 'servers', 'native');
      await untilSynced(scene, 'servers', primary, standby);
      const confirming = scene.keepConfirming('ours', { server: standby });
      await readyAsStandby(scene, primary.name, { slot: 'ours', since });
      await confirming.stop();
      await insertRows(standby, 11, 13);
      await standby.stop('fast');
      await primary.promote();
      const back = await handedOver(scene, primary.name);
      assert.deepEqual([back.ahead, back.lost, back.unheard], [[], [], undefined]);
      // Both were confirmed past the last row of the other one's check.
      const earlier = new Set([...arrived.ours, ...arrived.servers]);
      await assertNothingMissing(primary, 'ours', { earlier });
      await assertNothingMissing(primary, 'servers', { earlier });
    });

    test('a failover slot that slotcast keeps, because the standby does not synchronise slots, has that property again', {
      timeout,
    }, async () => {
      await using scene = await Scene.start({ major });
      const { primary } = scene;
      const standby = scene.standby();
      await createRows(primary);
      await scene.bothServices(primary);
      await scene.bothServices(standby);
      await primary.query(CREATE_FAILOVER_SLOT, ['app1']);
      await scene.createSlot('app2', { plugin: 'pgoutput' });
      await scene.untilReady('app1');
      await scene.untilReady('app2');
      assert.equal(await failoverOf(standby, 'app1'), false, 'a standby cannot make such a slot');
      await insertRows(primary, 1, 5);
      await primary.waitForReplay(standby);
      await primary.kill();
      await standby.promote();
      const promotion = await handedOver(scene, 's1');
      assert.deepEqual([knownAhead(promotion), promotion.lost], [[], []]);
      assert.equal(await failoverOf(standby, 'app1'), true);
      assert.equal(await failoverOf(standby, 'app2'), false);
      await assertNothingMissing(standby, 'app1');
    });
  });
}
