import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseLsn } from '@slotcast/domain';
import { waitUntil } from '@slotcast/testkit';
import { position, Scene } from './support/scene.ts';
import type { ServiceProcess } from './support/service-process.ts';

const timeout = 240_000;
/** Both positions are in the reason. */
const STRAYED = /it stands at \S+ here, .* more than [0-9A-F]+\/[0-9A-F]+: somebody moved it or made it anew/;

describe('a copy that slotcast did not put where it stands', { timeout: 240_000 }, () => {
  let scene: Scene;
  let consumer: ServiceProcess;

  before(async () => {
    scene = await Scene.start({ major: 18 });
    const { consumers } = await scene.startServices();
    const started = consumers.get('s1');
    assert.ok(started !== undefined);
    consumer = started;
    await scene.createSlot('app1');
    await scene.untilReady('app1');
    await scene.untilEqual('app1');
  });

  after(() => scene?.[Symbol.asyncDispose]());

  /** WAL that the consumer of the slot has not confirmed, replayed on the standby. */
  async function writeUnconfirmed(): Promise<void> {
    await scene.primary.query("select pg_logical_emit_message(true, 'test', 'not confirmed')");
    await scene.primary.waitForReplay(scene.standby());
  }

  async function restartConsumer(meanwhile: () => Promise<void>): Promise<number> {
    await consumer.kill();
    await meanwhile();
    const since = Date.now();
    consumer = await (await scene.service('consumer', scene.standby())).ready();
    return since;
  }

  test('is made again when it was advanced here, and is ready then', { timeout }, async () => {
    await writeUnconfirmed();
    const since = Date.now();
    await scene
      .standby()
      .query("select pg_replication_slot_advance('app1', pg_last_wal_replay_lsn()) as moved");
    await scene.records.waitUntilSaid('s1', 'app1', 'catching_up', { reason: STRAYED, since });
    await scene.untilReady('app1', { since: Date.now() });
    await scene.untilEqual('app1');
    const { ownership, confirmedFlushLsn } = scene.records.slot('s1', 'app1') ?? {};
    assert.ok((ownership?.highestLsn ?? 0n) >= (confirmedFlushLsn ?? 1n), 'what was published is on record');
  });

  test('is made again when it was dropped and made by hand while the consumer was down', {
    timeout,
  }, async () => {
    const since = await restartConsumer(async () => {
      await scene.standby().query("select pg_drop_replication_slot('app1')");
      await writeUnconfirmed();
      await scene.createForeignSlot('app1');
    });
    await scene.records.waitUntilSaid('s1', 'app1', 'catching_up', { reason: STRAYED, since });
    await scene.untilReady('app1', { since: Date.now() });
    await scene.untilEqual('app1');
  });

  test('is renewed in time before the server takes it for idle', { timeout }, async () => {
    const standby = scene.standby();
    const since = async (): Promise<number> => {
      const [row] = await standby.query<{ since: number }>(
        "select extract(epoch from inactive_since)::float8 as since from pg_replication_slots where slot_name = 'app1'",
      );
      return row?.since ?? 0;
    };
    await standby.setConfig({ idle_replication_slot_timeout: '3s' });
    const began = await since();
    await waitUntil(async () => (await since()) > began + 3, { describe: 'the slot to be renewed' });
    await scene.primary.query('checkpoint');
    await scene.primary.waitForReplay(standby);
    await standby.query('checkpoint');
    const [slot] = await standby.query<{ wal_status: string }>(
      "select wal_status from pg_replication_slots where slot_name = 'app1'",
    );
    assert.equal(slot?.wal_status, 'reserved');
    await standby.setConfig({ idle_replication_slot_timeout: '0' });
  });

  test('is what it was when only a crash restart took the slot of the primary back', {
    timeout,
  }, async () => {
    // A move that saves nothing on the primary: without a running-xacts record in between restart_lsn stays.
    await scene.confirm('app1');
    await scene.confirm('app1');
    await scene.untilPositionPublished('app1');
    await scene.untilEqual('app1');
    const confirmed = (await position(scene.standby(), 'app1')) ?? '';
    await scene.primary.kill();
    await scene.primary.start();
    const back = (await position(scene.primary, 'app1')) ?? '';
    assert.ok(parseLsn(back) < parseLsn(confirmed), `${back} on the primary, ${confirmed} before`);
    await scene.untilPositionPublished('app1');
    await scene.primary.waitForReplay(scene.standby());
    const since = await restartConsumer(() => Promise.resolve());
    await scene.records.waitUntilSaid('s1', 'app1', 'ready', { reason: /^$/, since });
    assert.equal(await position(scene.standby(), 'app1'), confirmed);
  });
});
