import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLeadingSlot, parseLsn, reason } from '@slotcast/domain';
import { type PostgresServer, waitUntil } from '@slotcast/testkit';
import { metric } from './support/metric.ts';
import { Scene } from './support/scene.ts';
import type { ServiceProcess } from './support/service-process.ts';

const timeout = 240_000;
const MIB = 1024n * 1024n;
const NO_SLOT = 2n ** 63n;
const NAMES = Array.from({ length: 8 }, (_, index) => `app${index}`);
/** Little may be decoded, and little WAL be kept, so that slots are made anew as under a heavy load. */
const BUSY = { SLOTCAST_RESTART_GAP: '1 MiB', SLOTCAST_ADVANCE_DUTY: '0.01' };
/** Twice the gap would count as a sign that advances do not keep up. */
const IDLE_GAP = 16n * MIB;
const IDLE = { SLOTCAST_RESTART_GAP: `${IDLE_GAP / MIB} MiB`, SLOTCAST_ADVANCE_DUTY: '1' };

interface Row {
  readonly slot_name: string;
  readonly restart_lsn: string;
  readonly confirmed_flush_lsn: string;
}

async function slots(server: PostgresServer): Promise<ReadonlyMap<string, Row>> {
  const rows = await server.query<Row>(
    "select slot_name, restart_lsn, confirmed_flush_lsn from pg_replication_slots where slot_type = 'logical' and not temporary",
  );
  return new Map(rows.map((row) => [row.slot_name, row]));
}

/** How far the restart_lsn of the slot that is furthest behind is behind that of the primary's. */
async function largestGap(scene: Scene): Promise<bigint> {
  const [there, here] = [await slots(scene.primary), await slots(scene.standby())];
  const gaps = NAMES.map((name) => {
    const [wanted, own] = [there.get(name)?.restart_lsn, here.get(name)?.restart_lsn];
    // Missing for the moment in which it is made anew.
    return wanted === undefined || own === undefined ? NO_SLOT : parseLsn(wanted) - parseLsn(own);
  });
  return gaps.reduce((most, gap) => (gap > most ? gap : most));
}

/** WAL of real rows, with records that let slots need less of it; all subscribers confirm it. */
async function writeAndConfirm(scene: Scene, mib: number): Promise<void> {
  for (let done = 0; done < mib; done += 4) {
    await scene.primary.query(
      "insert into filler (note) select repeat('x', 2000) from generate_series(1, 2000)",
    );
    await scene.primary.query('select pg_log_standby_snapshot()');
    await scene.primary.query(
      `select pg_replication_slot_advance(slot_name, pg_current_wal_flush_lsn())
         from pg_replication_slots where slot_name = any($1)`,
      [NAMES],
    );
  }
}

/** What a crash of the server leaves in the middle of the statement: a leading slot, a record, and no slot. No subscriber confirms anything after that. */
async function loseInTheMiddle(scene: Scene, consumer: ServiceProcess, name: string): Promise<string> {
  await consumer.kill();
  const standby = scene.standby();
  const confirmed = (await slots(standby)).get(name)?.confirmed_flush_lsn;
  assert.ok(confirmed !== undefined);
  await standby.query(`select pg_copy_logical_replication_slot('${name}', 'slotcast_leader_1', false)`);
  await standby.query(`select pg_drop_replication_slot('${name}')`);
  const record = scene.records.slot('s1', name);
  assert.ok(record?.ownership !== undefined);
  const { topics, codec, log } = scene;
  const writer = await log.claim(`slotcast.${scene.cluster}.node.s1`);
  const remaking = { ...record, ownership: { ...record.ownership, remaking: true } };
  await writer.append([
    { topic: topics.nodes, ...(await codec.encodeNodeSlotStatus(topics.nodes, remaking)) },
  ]);
  await writer.close();
  await scene.primary.query("insert into filler (note) select 'not confirmed' from generate_series(1, 100)");
  await scene.primary.waitForReplay(standby);
  return confirmed;
}

async function start(major: 16 | 17 | 18): Promise<Scene> {
  const scene = await Scene.start({ major });
  await scene.primary.query('create table filler (note text)');
  return scene;
}

async function allReady(scene: Scene): Promise<void> {
  for (const name of NAMES) {
    await scene.untilReady(name);
  }
}

/** What was made anew is recorded, and the leading slot goes with the consumer; where its end does not get to that, with the next one. */
async function assertNothingLeft(scene: Scene, consumer: ServiceProcess): Promise<void> {
  await waitUntil(() => NAMES.every((name) => scene.records.slot('s1', name)?.ownership?.remaking !== true), {
    describe: 'no slot to be recorded as being made anew',
  });
  await consumer.stop();
  if ((await leadingSlots(scene)).length > 0) {
    const next = await (await scene.service('consumer', scene.standby(), IDLE)).ready();
    await waitUntil(async () => (await leadingSlots(scene)).length === 0, {
      describe: 'the next consumer to drop the leading slot',
    });
    await next.stop();
  }
  assert.deepEqual(await leadingSlots(scene), []);
}

async function leadingSlots(scene: Scene): Promise<readonly string[]> {
  return [...(await slots(scene.standby())).keys()].filter(isLeadingSlot);
}

for (const major of [16, 18] as const) {
  describe(`restart_lsn on a standby of PostgreSQL ${major}`, { timeout: 480_000 }, () => {
    let scene: Scene;
    let consumer: ServiceProcess;

    before(async () => {
      scene = await start(major);
      await (await scene.service('publisher', scene.primary)).ready();
      for (const name of NAMES) {
        await scene.createSlot(name);
      }
    });

    after(() => scene?.[Symbol.asyncDispose]());

    test('is moved by advances while they are affordable', { timeout }, async () => {
      consumer = await (await scene.service('consumer', scene.standby(), IDLE)).ready();
      await allReady(scene);
      await writeAndConfirm(scene, 24);
      await waitUntil(async () => (await largestGap(scene)) <= IDLE_GAP, { describe: 'the gap to close' });
      assert.equal(
        await metric(consumer, 'slotcast_consumer_actions_total{kind="remake",outcome="ok"}'),
        undefined,
      );
      assert.ok(
        (await metric(consumer, 'slotcast_consumer_actions_total{kind="restart_advance",outcome="ok"}')) ?? 0,
      );
      await consumer.stop();
    });

    test('is moved by making slots anew where advances would cost too much', { timeout }, async () => {
      consumer = await (await scene.service('consumer', scene.standby(), BUSY)).ready();
      await waitUntil(
        async () => {
          await writeAndConfirm(scene, 24);
          return (await metric(consumer, 'slotcast_consumer_actions_total{kind="remake",outcome="ok"}')) ?? 0;
        },
        { describe: 'slots to be made anew' },
      );
      await waitUntil(async () => (await largestGap(scene)) <= 6n * MIB, { describe: 'the gap to close' });
      await allReady(scene);
      await assertNothingLeft(scene, consumer);
    });
  });
}

describe('a slot that got lost while it was made anew', { timeout: 480_000 }, () => {
  let scene: Scene;
  let consumer: ServiceProcess;

  before(async () => {
    scene = await start(18);
    await (await scene.service('publisher', scene.primary)).ready();
    for (const name of NAMES) {
      await scene.createSlot(name);
    }
    consumer = await (await scene.service('consumer', scene.standby(), BUSY)).ready();
    await allReady(scene);
  });

  after(() => scene?.[Symbol.asyncDispose]());

  test('is made again from the leading slot at the next start of the consumer', { timeout }, async () => {
    const confirmed = await loseInTheMiddle(scene, consumer, 'app0');
    const since = Date.now();
    consumer = await (await scene.service('consumer', scene.standby(), BUSY)).ready();
    await waitUntil(
      async () => (await slots(scene.standby())).get('app0')?.confirmed_flush_lsn === confirmed,
      {
        describe: 'the slot to be there again',
      },
    );
    await scene.records.waitUntilSaid('s1', 'app0', 'ready', { reason: /^$/, since });
    await waitUntil(async () => ![...(await slots(scene.standby())).keys()].some(isLeadingSlot), {
      describe: 'no leading slot to be left',
    });
  });

  test('is made again by the hand-off after a promotion, and the leading slot goes', {
    timeout,
  }, async () => {
    const confirmed = await loseInTheMiddle(scene, consumer, 'app1');
    await scene.primary.stop('immediate');
    await scene.standby().promote();
    await (await scene.service('publisher', scene.standby(), BUSY)).ready();
    await waitUntil(() => scene.records.node('s1')?.promotion !== undefined, {
      describe: 'the hand-off',
      timeoutMs: 60_000,
    });
    assert.deepEqual(scene.records.node('s1')?.promotion?.lost, []);
    const after = await slots(scene.standby());
    assert.equal(after.get('app1')?.confirmed_flush_lsn, confirmed);
    assert.deepEqual([...after.keys()].filter(isLeadingSlot), []);
  });
});

test('a slot that the hand-off has no room to make again is made by the publisher once there is room', {
  timeout: 300_000,
}, async () => {
  await using scene = await start(18);
  const standby = scene.standby();
  await (await scene.service('publisher', scene.primary)).ready();
  await scene.createSlot('app0');
  const consumer = await (await scene.service('consumer', standby)).ready();
  await scene.untilReady('app0');
  const confirmed = await loseInTheMiddle(scene, consumer, 'app0');
  await scene.primary.stop('immediate');
  await standby.query(`
    select pg_create_physical_replication_slot('filler' || n)
      from generate_series(1, current_setting('max_replication_slots')::int
                              - (select count(*)::int from pg_replication_slots)) as n`);
  await standby.promote();
  await (await scene.service('publisher', standby)).ready();
  await waitUntil(() => scene.records.node('s1')?.promotion !== undefined, {
    describe: 'the hand-off',
    timeoutMs: 90_000,
  });
  const [lost] = scene.records.node('s1')?.promotion?.lost ?? [];
  assert.equal(lost?.slot, 'app0');
  assert.deepEqual(lost.reasons, [reason('not_restored', { leader: 'slotcast_leader_1' })]);
  const untilRoom = await slots(standby);
  assert.deepEqual([untilRoom.has('app0'), untilRoom.has('slotcast_leader_1')], [false, true]);
  await standby.query("select pg_drop_replication_slot('filler1')");
  await standby.waitFor<{ slot_name: string; confirmed_flush_lsn: string }>(
    `select slot_name, confirmed_flush_lsn from pg_replication_slots where slot_name in ('app0', 'slotcast_leader_1')`,
    ([row, ...others]) =>
      row?.slot_name === 'app0' && row.confirmed_flush_lsn === confirmed && others.length === 0,
    150_000,
  );
  await waitUntil(() => scene.records.node('s1')?.promotion?.lost.length === 0, {
    describe: 'the record of the promotion to say that nothing is lost any more',
    timeoutMs: 30_000,
  });
});

test('slots are all there after the consumer was killed, or the standby crashed, at any point of making them anew', {
  timeout: 480_000,
}, async () => {
  await using scene = await start(18);
  await (await scene.service('publisher', scene.primary)).ready();
  for (const name of NAMES) {
    await scene.createSlot(name);
  }
  let consumer = await (await scene.service('consumer', scene.standby(), BUSY)).ready();
  await allReady(scene);
  for (let crash = 0; crash < 8; crash += 1) {
    await writeAndConfirm(scene, 12);
    const seen = await anyLeader(scene.standby(), 20_000);
    assert.ok(seen || crash > 0, 'no slot is made anew');
    await sleep(Math.random() * 120);
    if (crash % 2 === 0) {
      await consumer.kill();
    } else {
      await scene.standby().restart('immediate');
      await consumer.kill();
    }
    consumer = await (await scene.service('consumer', scene.standby(), BUSY)).ready();
  }
  await waitUntil(
    async () => {
      const here = await slots(scene.standby());
      return NAMES.every((name) => here.has(name));
    },
    { describe: 'every slot to be there' },
  );
  await allReady(scene);
  await assertNothingLeft(scene, consumer);
});

async function anyLeader(server: PostgresServer, ms: number): Promise<boolean> {
  const end = Date.now() + ms;
  while (Date.now() < end) {
    if ([...(await slots(server)).keys()].some(isLeadingSlot)) {
      return true;
    }
    await sleep(5);
  }
  return false;
}
