import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLsn } from '@slotcast/domain';
import { insistFalsely, type PostgresServer, startPrimary, waitUntil } from '@slotcast/testkit';
import { ROLE } from './support/scene.ts';
import { VerifyScene } from './support/verify-scene.ts';

const MEGABYTE = 1024n * 1024n;
const SLOTS = { app1: 'postgres', app2: 'other' } as const;

/** Slots on both servers, whose subscribers have confirmed all that the standby's copies have. */
async function makeSlots(primary: PostgresServer, standby: PostgresServer): Promise<void> {
  for (const [slot, database] of Object.entries(SLOTS)) {
    const create = `select pg_create_logical_replication_slot('${slot}', 'test_decoding')`;
    await primary.query(create, [], database);
    const made = standby.query(create, [], database);
    await standby.waitFor(
      `select from pg_replication_slots where slot_name = '${slot}' and restart_lsn is not null`,
      (rows) => rows.length === 1,
    );
    await primary.query('select pg_log_standby_snapshot()');
    await made;
    await primary.query(`select pg_replication_slot_advance('${slot}', pg_current_wal_lsn())`, [], database);
  }
}

/** Waits until the guard of the publisher has begun three looks. */
async function untilLookedAt(standby: PostgresServer): Promise<void> {
  const starts = new Set<string>();
  await standby.waitFor<{ started: string }>(
    `select query_start::text as started from pg_stat_activity
      where application_name = 'publisher' and state = 'active' and query like '%recursive look%'`,
    (rows) => {
      rows.forEach(({ started }) => starts.add(started));
      return starts.size > 3;
    },
  );
}

/** A subscriber that comes from another server, and says that it has received this much more than there is here. */
async function comeAhead(server: PostgresServer, slot: string, bytes: bigint) {
  const position = parseLsn(await server.currentLsn()) + bytes;
  return await insistFalsely({ url: server.url(slot === 'app2' ? SLOTS.app2 : SLOTS.app1), slot, position });
}

async function typeOf(server: PostgresServer, slot: string): Promise<string | undefined> {
  const [row] = await server.query<{ slot_type: string }>(
    `select slot_type from pg_replication_slots where slot_name = '${slot}'`,
  );
  return row?.slot_type;
}

test('a subscriber that is seen ahead of a promoted server is fenced while nothing was committed, and else loses its slot as soon as it lets go of it', {
  timeout: 240_000,
}, async () => {
  await using primary = await startPrimary({ major: 18 });
  await primary.createRole(ROLE);
  await primary.query('create table rows (id int)');
  await primary.query('create database other');
  const standby = await primary.addStandby({ name: 's1' });
  await makeSlots(primary, standby);
  await using scene = await VerifyScene.start(standby);
  await scene.publish(primary);
  await scene.own(Object.keys(SLOTS), primary.name);
  await primary.waitForReplay(standby);
  await scene.publish(standby);
  await untilLookedAt(standby);
  // So that the WAL receiver is heard once more: then the shutdown is known to be an orderly one.
  await primary.query('insert into rows values (0)');
  await primary.waitForReplay(standby);
  await untilLookedAt(standby);
  await primary.stop();
  await standby.promote();
  const outcomeOf = (slot: string) =>
    scene.recordedPromotion.promotion?.ahead.find((entry) => entry.slot === slot)?.outcome;
  const becomes = (slot: string, outcome: string) =>
    waitUntil(() => outcomeOf(slot) === outcome, {
      describe: () => `${slot} to be ${outcome} (${outcomeOf(slot)})`,
    });
  await waitUntil(() => scene.recordedPromotion.promotion !== undefined, { describe: 'the hand-off' });
  assert.deepEqual(scene.recordedPromotion.promotion?.ahead, []);

  await using first = await comeAhead(standby, 'app1', 40n * MEGABYTE);
  await becomes('app1', 'fenced');
  await standby.waitFor<{ is_fenced: boolean }>(
    `select pg_current_wal_insert_lsn() >= flush_lsn as is_fenced from pg_stat_replication where application_name = ''`,
    ([row]) => row?.is_fenced === true,
  );
  await first.end();
  assert.equal(await typeOf(standby, 'app1'), 'logical');

  await standby.query('insert into rows values (1)');
  await using second = await comeAhead(standby, 'app2', 40n * MEGABYTE);
  await becomes('app2', 'unsafe');
  assert.equal(await typeOf(standby, 'app2'), 'logical', 'its subscriber uses it');
  await second.end();
  await becomes('app2', 'quarantined');
  assert.equal(await typeOf(standby, 'app2'), 'physical');
  // Nobody has seen it dropped: copies elsewhere are kept.
  await waitUntil(() => scene.recordedPromotion.orphans.length > 0, { describe: 'the orphaned slot' });
  assert.deepEqual(
    scene.recordedPromotion.orphans.map(({ name, cause }) => [name, cause]),
    [['app2', 'quarantined']],
  );
  assert.equal(outcomeOf('app1'), 'fenced');

  // One that is not slotcast's, and was made here.
  await standby.query("select pg_create_logical_replication_slot('theirs', 'test_decoding')");
  const third = await comeAhead(standby, 'theirs', 40n * MEGABYTE);
  await third.end();
  await becomes('theirs', 'unsafe');
  assert.equal(await typeOf(standby, 'theirs'), 'logical');
});
