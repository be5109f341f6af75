import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatLsn } from '@slotcast/domain';
import { type PostgresServer, waitUntil } from '@slotcast/testkit';
import { runCommand } from './support/command.ts';
import { handedOver } from './support/failover.ts';
import { whyOf } from './support/node-records.ts';
import { Scene } from './support/scene.ts';
import { createRows, insertRows } from './support/slot-reader.ts';

const timeout = 240_000;
/** WAL is kept for slots alone, and goes with the next checkpoint. */
const settings = { wal_keep_size: '0', min_wal_size: '32MB', max_wal_size: '64MB' };
const CARRYING = { SLOTCAST_SLOTS: 'name_like:%,type:physical' };

interface HeldRow {
  readonly restart_lsn: string;
  readonly xmin: string | null;
  readonly catalog_xmin: string | null;
}

async function heldBy(server: PostgresServer, slot: string): Promise<HeldRow | undefined> {
  const text = `select restart_lsn, xmin, catalog_xmin from pg_replication_slots
                 where slot_name = $1 and slot_type = 'physical'`;
  const [row] = await server.query<{ [Column in keyof HeldRow]: HeldRow[Column] }>(text, [slot]);
  return row;
}

/** The reader of the slot has received all WAL. */
async function readAll(server: PostgresServer, slot: string): Promise<void> {
  await server.query('select pg_replication_slot_advance($1, pg_current_wal_flush_lsn())', [slot]);
}

/** Waits until the topic has an event of the slot with this position. */
async function untilHoldPublished(scene: Scene, slot: string, wanted: string | undefined): Promise<void> {
  const reader = await scene.log.read(scene.topics.slots, 'beginning');
  const deadline = AbortSignal.timeout(60_000);
  try {
    for (let seen = false; !seen; ) {
      const { records } = await reader.next(deadline);
      const events = await Promise.all(records.map((record) => scene.codec.decodeSlotsRecord(record)));
      seen = events.some(
        (event) =>
          event.kind === 'slot' &&
          event.slot === slot &&
          event.state?.restartLsn !== undefined &&
          formatLsn(event.state.restartLsn) === wanted,
      );
    }
  } finally {
    await reader.close();
  }
}

async function startCluster(major: 16 | 17 | 18, extra: Record<string, string>): Promise<Scene> {
  const scene = await Scene.start({ major, standbys: ['s1', 's2'], settings });
  const { primary } = scene;
  await scene.standby('s1').setConfig(settings);
  await createRows(primary);
  await scene.bothServices(primary, extra);
  await scene.bothServices(scene.standby('s1'), extra);
  return scene;
}

/** The second standby is away while the primary writes, dies, and its successor writes and lets go of all WAL that nobody keeps. */
async function failOver(scene: Scene): Promise<void> {
  const { primary } = scene;
  const [s1, s2] = [scene.standby('s1'), scene.standby('s2')];
  await insertRows(primary, 1, 10);
  await primary.waitForReplay(s2);
  await s2.stop('fast');
  await insertRows(primary, 11, 20);
  await scene.switchWal(4);
  await primary.query('checkpoint');
  await primary.waitForReplay(s1);
  await s1.query('checkpoint');
  await primary.kill();
  await s1.promote();
  await handedOver(scene, 's1');
  await insertRows(s1, 21, 30);
  for (let written = 0; written < 3; written += 1) {
    await s1.query("select pg_logical_emit_message(true, 'test', 'fill'), pg_switch_wal()");
    await s1.query('checkpoint');
  }
  await insertRows(s1, 31, 40);
}

for (const major of [16, 17, 18] as const) {
  describe(`physical slots on PostgreSQL ${major}`, () => {
    test('a replica goes on at the new primary, under the name of its slot, and lacks no WAL', {
      timeout,
    }, async () => {
      await using scene = await startCluster(major, CARRYING);
      const { primary } = scene;
      const [s1, s2] = [scene.standby('s1'), scene.standby('s2')];
      await scene.records.waitForState('s1', 's2', 'ready');
      await insertRows(primary, 1000, 1010);
      await waitUntil(
        async () => {
          const [there, here] = [await heldBy(primary, 's2'), await heldBy(s1, 's2')];
          return there !== undefined && there.restart_lsn === here?.restart_lsn;
        },
        { describe: () => `the copy to follow (${whyOf(scene.records.slot('s1', 's2'))})` },
      );
      const held = await heldBy(s1, 's2');
      assert.deepEqual([held?.xmin, held?.catalog_xmin], [null, null]);
      assert.equal(await heldBy(s1, 's1'), undefined, 'the slot through which it streams itself');

      await failOver(scene);
      const kept = await heldBy(s1, 's2');
      assert.ok(kept !== undefined);
      await s2.follow(s1, { slotName: 's2' });
      await s1.waitForReplay(s2);
      const [row] = await s2.query<{ count: number }>('select count(*)::int from numbers');
      const [all] = await s1.query<{ count: number }>('select count(*)::int from numbers');
      assert.deepEqual([row?.count, all?.count], [51, 51]);
    });

    test('without a copy the replica is left behind, which it says', { timeout }, async () => {
      await using scene = await startCluster(major, {});
      await failOver(scene);
      const [s1, s2] = [scene.standby('s1'), scene.standby('s2')];
      await s2.follow(s1, { slotName: 's2', waitForStreaming: false });
      const removed = /requested WAL segment \w+ has already been removed/;
      await waitUntil(async () => removed.test(await s2.log()), { describe: 'the missing WAL' });
    });
  });
}

test('the other standbys follow the slots of the new primary, and drop their copy of the one that it had itself', {
  timeout,
}, async () => {
  await using scene = await startCluster(18, CARRYING);
  const { primary } = scene;
  const [s1, s2] = [scene.standby('s1'), scene.standby('s2')];
  await scene.bothServices(s2, CARRYING);
  await primary.query("select pg_create_physical_replication_slot('archive', true)");
  await insertRows(primary, 1, 10);
  await readAll(primary, 'archive');
  for (const node of ['s1', 's2']) {
    await scene.records.waitForState(node, 'archive', 'ready');
  }
  await waitUntil(async () => (await heldBy(s2, 's1')) !== undefined, { describe: 'the copy of s1 on s2' });

  await primary.kill();
  await s1.promote();
  await handedOver(scene, 's1');
  await s2.follow(s1);
  const since = Date.now();
  await insertRows(s1, 11, 20);
  await readAll(s1, 'archive');
  await waitUntil(
    async () => {
      const record = scene.records.slot('s2', 'archive');
      const [there, here] = [await heldBy(s1, 'archive'), await heldBy(s2, 'archive')];
      const isEqual = there !== undefined && there.restart_lsn === here?.restart_lsn;
      return isEqual && record?.state === 'ready' && record.time > since;
    },
    { describe: () => `archive on s2 (${whyOf(scene.records.slot('s2', 'archive'))})` },
  );
  await waitUntil(async () => (await heldBy(s2, 's1')) === undefined, { describe: 'the drop of s1 on s2' });
  assert.notEqual(await heldBy(s1, 's2'), undefined);
});

test('a promotion moves copies to where their readers were seen last, also while no consumer runs', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18, settings });
  const { primary } = scene;
  const s1 = scene.standby('s1');
  await createRows(primary);
  await scene.bothServices(primary, CARRYING);
  const { consumer } = await scene.bothServices(s1, CARRYING);
  await primary.query("select pg_create_physical_replication_slot('archive', true)");
  await insertRows(primary, 1, 10);
  await readAll(primary, 'archive');
  await scene.records.waitForState('s1', 'archive', 'ready');
  await consumer.kill();
  const before = await heldBy(s1, 'archive');
  await insertRows(primary, 11, 20);
  await readAll(primary, 'archive');
  const last = await heldBy(primary, 'archive');
  await untilHoldPublished(scene, 'archive', last?.restart_lsn);
  await primary.waitForReplay(s1);
  await primary.kill();
  await s1.promote();
  await handedOver(scene, 's1');
  const after = await heldBy(s1, 'archive');
  assert.notEqual(before?.restart_lsn, last?.restart_lsn);
  assert.equal(after?.restart_lsn, last?.restart_lsn);
});

test('copies of physical slots come and go with their slots, and nothing else is touched', {
  timeout,
}, async () => {
  await using scene = await Scene.start({ major: 18, settings });
  const { primary } = scene;
  const s1 = scene.standby('s1');
  await createRows(primary);
  await scene.bothServices(primary, CARRYING);
  const { consumer } = await scene.bothServices(s1, CARRYING);
  const slotcast = (...args: readonly string[]): ReturnType<typeof runCommand> =>
    runCommand(args, { ...scene.environment(s1), ...CARRYING, SLOTCAST_HTTP_LISTEN: consumer.listen });
  await s1.query("select pg_create_physical_replication_slot('taken', true)");
  await primary.query(
    "select pg_create_physical_replication_slot(name, true) from unnest(array['archive', 'taken']::name[]) as name",
  );
  await primary.query("select pg_create_physical_replication_slot('keeps_nothing')");
  await scene.records.waitForState('s1', 'taken', 'conflict', { reason: /slotcast did not make/ });
  // It begins at the last restartpoint here, and its reader is further back until it has confirmed something.
  await insertRows(primary, 1, 10);
  await readAll(primary, 'archive');
  await scene.records.waitForState('s1', 'archive', 'ready');
  const taken = await heldBy(s1, 'taken');
  await primary.query(
    "select pg_replication_slot_advance('taken', pg_current_wal_flush_lsn()), pg_drop_replication_slot('archive')",
  );
  await waitUntil(async () => (await heldBy(s1, 'archive')) === undefined, { describe: 'the drop' });
  assert.deepEqual(await heldBy(s1, 'taken'), taken);
  assert.equal(await heldBy(s1, 'keeps_nothing'), undefined);

  const prepared = await slotcast('prepare-promotion');
  assert.equal(prepared.code, 0, prepared.stderr);
  assert.match(prepared.stdout, /^note +taken +conflict/m);
  const adopted = await slotcast('adopt', 'taken');
  assert.equal(adopted.code, 0, adopted.stderr);
  await waitUntil(
    async () => (await heldBy(s1, 'taken'))?.restart_lsn === (await heldBy(primary, 'taken'))?.restart_lsn,
    { describe: () => `taken on s1 (${whyOf(scene.records.slot('s1', 'taken'))})` },
  );
  await scene.records.waitForState('s1', 'taken', 'ready');
  const verified = await slotcast('verify');
  assert.match(verified.stdout, /^nothing to compare: there is no slot of slotcast's/);
  const status = await slotcast('status');
  assert.match(status.stdout, /^taken: its reader needs WAL from .* on; kept on s1 from .* on \(ready\)$/m);
});
