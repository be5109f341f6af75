import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseLsn } from '@slotcast/domain';
import { type PostgresServer, waitUntil } from '@slotcast/testkit';
import { metric } from './support/metric.ts';
import { position, ROLE, Scene } from './support/scene.ts';

const timeout = 240_000;
const SLOTS = 30;
const names = Array.from({ length: SLOTS }, (_, index) => `app${index}`);
/** One of them is some 10 kB of WAL. */
const INSERT = `insert into filled select id, repeat('x', 100) from generate_series(1, 60) as id`;

/** Writes to the primary, 100 times a second at most, until stopped. */
function keepWriting(primary: PostgresServer): { stop(): Promise<void> } {
  let stopped = false;
  const running = (async () => {
    while (!stopped) {
      await primary.query(`${INSERT}; ${INSERT}; ${INSERT}; ${INSERT}; ${INSERT}`);
      await sleep(10);
    }
  })();
  return {
    stop: () => {
      stopped = true;
      return running;
    },
  };
}

/** All slots of a server with their positions. */
async function positions(server: PostgresServer): Promise<ReadonlyMap<string, bigint>> {
  const rows = await server.query<{ name: string; position: string }>(
    `select slot_name as name, confirmed_flush_lsn::text as position
       from pg_replication_slots where slot_name like 'app%'`,
  );
  return new Map(rows.map((row) => [row.name, parseLsn(row.position)]));
}

async function replayed(server: PostgresServer): Promise<bigint> {
  const [row] = await server.query<{ lsn: string }>('select pg_last_wal_replay_lsn()::text as lsn');
  return parseLsn(row?.lsn ?? '0/1');
}

/** Moves all slots on the primary to the present, as subscribers that are not behind. */
async function confirmAll(primary: PostgresServer): Promise<void> {
  await primary.query(`
    select pg_replication_slot_advance(slot_name, pg_current_wal_flush_lsn())
      from pg_replication_slots where slot_name like 'app%'`);
}

async function readySlots(scene: Scene): Promise<void> {
  for (const name of names) {
    await scene.createSlot(name);
  }
  await waitUntil(
    async () => {
      await scene.primary.query("select pg_logical_emit_message(true, 'test', 'something')");
      await confirmAll(scene.primary);
      return names.every((name) => scene.records.slot('s1', name)?.state === 'ready');
    },
    { intervalMs: 200, timeoutMs: 90_000, describe: 'all slots ready' },
  );
}

describe('slots of a standby under write load', () => {
  test('all follow without decoding what is written, and never past replay', { timeout }, async () => {
    await using scene = await Scene.start({ major: 18, settings: { max_wal_size: '4GB' } });
    const standby = scene.standby();
    await scene.primary.query('create table filled (id int, filler text)');
    const { consumers } = await scene.startServices();
    await readySlots(scene);
    const writing = keepWriting(scene.primary);
    try {
      for (let round = 0; round < 5; round += 1) {
        await sleep(300);
        await confirmAll(scene.primary);
        const wanted = await positions(scene.primary);
        await waitUntil(
          async () => {
            const here = await positions(standby);
            const end = await replayed(standby);
            assert.ok(
              [...here.values()].every((position) => position <= end),
              'a slot is past replay',
            );
            return [...wanted].every(([name, position]) => (here.get(name) ?? 0n) >= position);
          },
          { describe: 'all slots where they were on the primary' },
        );
      }
    } finally {
      await writing.stop();
    }
    const consumer = consumers.get('s1') ?? assert.fail('no consumer');
    const moved = 'slotcast_consumer_actions_total{kind="move"';
    assert.ok(((await metric(consumer, `${moved},outcome="ok"}`)) ?? 0) >= 5 * SLOTS);
    assert.equal(await metric(consumer, `${moved},outcome="refused"}`), undefined);
    assert.equal(await metric(consumer, 'slotcast_consumer_decoding_slots'), 0);
  });

  test('stop where replay is paused, and go on with it', { timeout }, async () => {
    await using scene = await Scene.start({ major: 17 });
    const standby = scene.standby();
    await scene.startServices();
    await scene.createSlot('app0');
    await scene.untilReady('app0');
    await scene.untilEqual('app0');
    await scene.confirm('app0');
    await standby.pauseReplay();
    const paused = await replayed(standby);
    for (let round = 0; round < 5; round += 1) {
      await scene.confirm('app0');
      await scene.untilPositionPublished('app0');
    }
    await standby.waitFor(
      `select from (select) as server where pg_last_wal_receive_lsn() >= '${await position(scene.primary, 'app0')}'`,
      (rows) => rows.length === 1,
    );
    // What it received is known to the consumer, which looks many times in that second.
    await sleep(1000);
    assert.equal(await replayed(standby), paused);
    assert.ok(parseLsn((await position(standby, 'app0')) ?? '') <= paused);
    await standby.resumeReplay();
    await scene.untilEqual('app0');
  });

  test('write five lines per second and slot at most to a log that cannot be kept quiet', {
    timeout,
  }, async () => {
    await using scene = await Scene.start({ major: 18 });
    const standby = scene.standby();
    await scene.primary.query(`revoke set on parameter log_min_messages from ${ROLE}`);
    await scene.primary.waitForReplay(standby);
    await scene.startServices();
    await scene.createSlot('app0');
    await scene.untilReady('app0');
    const lines = async (): Promise<number> =>
      (await standby.log()).split('\n').filter((line) => line.includes('starting logical decoding')).length;
    const [before, started] = [await lines(), performance.now()];
    for (let round = 0; round < 20; round += 1) {
      await scene.confirm('app0');
      await scene.untilPositionPublished('app0');
    }
    await scene.untilEqual('app0');
    const seconds = (performance.now() - started) / 1000;
    const logged = (await lines()) - before;
    assert.ok(logged > 0 && logged <= seconds + 2, `${logged} moves were logged in ${seconds} s`);
  });
});
