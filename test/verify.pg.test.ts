import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type PostgresServer, startPrimary, waitUntil } from '@slotcast/testkit';
import { ROLE } from './support/scene.ts';
import { VerifyScene } from './support/verify-scene.ts';

const NAMES = ['sound', 'consumed', 'moved', 'remade', 'remade_there', 'late', 'branch', 'orphan'] as const;

/** Makes slots on the standby, for which the primary has to log its running transactions. */
async function createSlot(primary: PostgresServer, standby: PostgresServer, name: string): Promise<void> {
  const making = standby.query(`select pg_create_logical_replication_slot('${name}', 'pgoutput')`);
  await standby.waitFor(
    `select from pg_replication_slots where slot_name = '${name}' and restart_lsn is not null`,
    (rows) => rows.length === 1,
  );
  await primary.query(`select pg_log_standby_snapshot(), pg_logical_emit_message(true, 'test', '')`);
  await making;
}

async function copySlot(server: PostgresServer, source: string, target: string): Promise<void> {
  await server.query(`select pg_copy_logical_replication_slot('${source}', '${target}')`);
}

/** Rows, in transactions of their own. */
async function insert(server: PostgresServer): Promise<void> {
  for (let index = 0; index < 5; index += 1) {
    await server.query('insert into numbered select generate_series(1, 10)');
  }
}

/** The same, until the standby has replayed them. */
async function write(primary: PostgresServer, standby: PostgresServer): Promise<void> {
  await insert(primary);
  await primary.waitForReplay(standby);
}

/** Removes the WAL file that the slot needs first. */
async function removeWal(primary: PostgresServer, standby: PostgresServer, name: string): Promise<void> {
  const [slot] = await standby.query<{ lsn: string }>(
    `select restart_lsn::text as lsn from pg_replication_slots where slot_name = '${name}'`,
  );
  const [file] = await primary.query<{ name: string }>(`select pg_walfile_name('${slot?.lsn}') as name`);
  await rm(join(standby.dataFolder, 'pg_wal', file?.name ?? ''));
}

/** Other rows on each of two servers that have parted, in the same stretch of WAL. */
async function writeBranches(primary: PostgresServer, other: PostgresServer): Promise<void> {
  await insert(other);
  const end = `'${await other.currentLsn()}'::pg_lsn`;
  for (;;) {
    const [row] = await primary.query<{ done: boolean }>(
      `select pg_current_wal_flush_lsn() > ${end} + 65536 as done`,
    );
    if (row?.done === true) {
      return;
    }
    await primary.query(`insert into numbered select generate_series(1, 50000)`);
  }
}

/** Moves all slots of the primary past changes of catalogs, and removes the rows that only those before needed. */
async function moveBeyondCatalogs(primary: PostgresServer, standby: PostgresServer): Promise<void> {
  for (let index = 0; index < 12; index += 1) {
    await primary.query(`create table late${index} (id int)`);
    await primary.query(`insert into late${index} values (1)`);
    await primary.query(`alter table late${index} add column c int default 7`);
    await primary.query(`truncate late${index}`);
    await primary.query(`insert into late${index} values (2, 2)`);
    await primary.query(`drop table late${index}`);
  }
  const [next] = await primary.query<{ xid: string }>('select pg_current_xact_id()::xid::text as xid');
  // A slot gives rows up by what it reads of running transactions, some looks later; and the other standby tells from time to time which rows it still needs.
  await waitUntil(
    async () => {
      await primary.query(`select pg_log_standby_snapshot(), pg_logical_emit_message(true, 'test', '')`);
      await primary.query(
        `select pg_replication_slot_advance(slot_name, pg_current_wal_flush_lsn()) from pg_replication_slots where slot_type = 'logical'`,
      );
      const holding = await primary.query(
        `select from pg_replication_slots where greatest(age(xmin), age(catalog_xmin)) > age('${next?.xid}'::xid)`,
      );
      return holding.length === 0;
    },
    { describe: 'no slot that holds back catalog rows' },
  );
  for (const catalog of ['pg_class', 'pg_attribute', 'pg_type', 'pg_depend', 'pg_attrdef']) {
    await primary.query(`vacuum ${catalog}`);
  }
  await write(primary, standby);
}

async function logicalSlots(server: PostgresServer): Promise<readonly object[]> {
  return await server.query(
    `select * from pg_replication_slots where slot_type = 'logical' order by slot_name`,
  );
}

const advanced = (name: string, function_: string): string =>
  `select pg_replication_slot_advance('${name}', ${function_}())`;

describe('the proof of a copy', { timeout: 480_000 }, () => {
  test('finds each that is wrong, and proves those that are sound without touching any slot', async () => {
    await using primary = await startPrimary({ major: 18, settings: { autovacuum: 'off' } });
    await primary.createRole(ROLE);
    // Feedback that is never sent: whatever is made here is made before the primary holds back catalog rows for it.
    const settings = { wal_receiver_status_interval: '1h', max_replication_slots: '20' };
    const standby = await primary.addStandby({ name: 's1', settings });
    const other = await primary.addStandby({ name: 's2' });
    await primary.query('create table numbered (id int)');
    await primary.query('create publication everything for all tables');

    await primary.query(`select pg_create_logical_replication_slot('without_wal', 'pgoutput')`);
    await createSlot(primary, standby, 'without_wal');
    await primary.query('select pg_switch_wal()');
    await primary.query(`select pg_create_logical_replication_slot('sound', 'pgoutput')`);
    await createSlot(primary, standby, 'sound');
    for (const name of NAMES.slice(1)) {
      await copySlot(standby, 'sound', name);
      await copySlot(primary, 'sound', name);
    }
    await using scene = await VerifyScene.start(standby);
    await scene.publish(primary);
    await scene.own([...NAMES, 'without_wal'], primary.name);
    const verified = async (name: string): Promise<readonly string[]> => {
      const { result, reasons } = await scene.verify(name);
      return [result, ...reasons.map(({ code }) => code)];
    };
    await primary.waitForReplay(standby);
    for (const [server, end] of [
      [primary, 'pg_current_wal_flush_lsn'],
      [standby, 'pg_last_wal_replay_lsn'],
    ] as const) {
      await server.query(advanced('sound', end));
      await server.query(advanced('remade_there', end));
    }
    assert.deepEqual(await verified('sound'), ['nothing', 'proof_nothing']);

    await write(primary, standby);
    const before = [await logicalSlots(standby), await logicalSlots(primary)];
    const sound = await scene.verify('sound');
    assert.equal(sound.result, 'proven', JSON.stringify(sound.reasons));
    assert.deepEqual([sound.compared?.transactions, sound.compared?.changes], [5, 50]);
    assert.equal(scene.recorded('sound')?.kind, 'proven');
    assert.deepEqual([await logicalSlots(standby), await logicalSlots(primary)], before, 'nothing was moved');

    await standby.query(
      `select from pg_logical_slot_get_binary_changes('consumed', null, null, 'proto_version', '1', 'publication_names', 'everything')`,
    );
    await standby.query(advanced('moved', 'pg_last_wal_replay_lsn'));
    await standby.query(`select pg_drop_replication_slot('remade')`);
    await createSlot(primary, standby, 'remade');
    await primary.query(`select pg_drop_replication_slot('remade_there')`);
    await copySlot(primary, 'moved', 'remade_there');
    await write(primary, standby);
    for (const name of ['consumed', 'moved', 'remade']) {
      assert.deepEqual(await verified(name), ['wrong', 'strayed', 'proof_differs'], name);
    }
    assert.equal((await verified('remade_there'))[0], 'wrong');
    for (const name of ['consumed', 'moved', 'remade']) {
      assert.equal(scene.holds.get(name)?.cause, 'refuted', `${name} is not ready any more`);
    }

    await removeWal(primary, standby, 'without_wal');
    assert.deepEqual(await verified('without_wal'), ['wrong', 'missing_wal']);
    assert.deepEqual(await verified('sound'), ['proven']);

    await moveBeyondCatalogs(primary, standby);
    assert.equal((await verified('late'))[0], 'wrong');

    await standby.query(`select pg_drop_replication_slot('branch'), pg_drop_replication_slot('orphan')`);
    await createSlot(primary, standby, 'branch');
    await copySlot(standby, 'branch', 'orphan');
    await other.promote();
    await other.query(`select pg_create_logical_replication_slot('branch', 'pgoutput')`);
    await scene.publish(other);
    await scene.own(['branch'], other.name);
    await waitUntil(() => scene.candidates.length === 1, {
      describe: () => `only the copy of a slot that there is on the new primary (${scene.candidates.join()})`,
    });
    assert.deepEqual(await verified('orphan'), ['unknown', 'not_on_primary'], 'nobody waits for an answer');
    await writeBranches(primary, other);
    scene.repeat(100);
    await waitUntil(() => scene.holds.has('branch'), {
      describe: 'the copy of another branch, found without being asked for',
    });
    assert.equal((await verified('branch'))[0], 'wrong');
  });
});
