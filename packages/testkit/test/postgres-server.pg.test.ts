import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, test } from 'node:test';
import { POSTGRES_MAJORS, type PostgresServer, startPrimary } from '@slotcast/testkit';

const TIMEOUT_MS = 180_000;

async function insertRow(server: PostgresServer, id: number): Promise<void> {
  await server.query('insert into numbered values ($1)', [id]);
}

async function rowCount(server: PostgresServer): Promise<number> {
  const [row] = await server.query<{ count: number }>('select count(*)::int as count from numbered');
  assert.ok(row);
  return row.count;
}

async function slotNames(server: PostgresServer): Promise<readonly string[]> {
  const rows = await server.query<{ slot_name: string }>(
    'select slot_name::text from pg_replication_slots order by 1',
  );
  return rows.map((row) => row.slot_name);
}

async function systemIdentifier(server: PostgresServer): Promise<string | undefined> {
  const [row] = await server.query<{ id: string }>(
    'select system_identifier::text as id from pg_control_system()',
  );
  return row?.id;
}

describe('every major version', () => {
  for (const major of POSTGRES_MAJORS) {
    test(`a standby of PostgreSQL ${major} replays what its primary writes`, {
      timeout: TIMEOUT_MS,
    }, async () => {
      await using primary = await startPrimary({ major });
      const standby = await primary.addStandby({ name: 'standby' });
      await primary.query('create table numbered (id int)');
      await insertRow(primary, 1);
      await primary.waitForReplay(standby);
      assert.equal(await rowCount(standby), 1);
      const [version] = await standby.query<{ server_version_num: string }>('show server_version_num');
      assert.equal(Math.floor(Number(version?.server_version_num) / 10_000), major);
      assert.deepEqual(await slotNames(primary), ['standby']);
    });
  }
});

describe('a failover', () => {
  test('a cascade survives the loss of the primary, which rejoins with its slots', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await using primary = await startPrimary({ major: 18 });
    const standby = await primary.addStandby({ name: 'standby' });
    const cascade = await standby.addStandby({ name: 'cascade' });
    await primary.query('create table numbered (id int)');
    await primary.query("select pg_create_logical_replication_slot('orders', 'test_decoding')");
    await insertRow(primary, 1);
    await standby.waitForReplay(cascade, await primary.waitForReplay(standby));

    await primary.kill();
    assert.equal(primary.isRunning, false);
    await standby.promote();
    await insertRow(standby, 2);
    await standby.waitForReplay(cascade);
    assert.equal(await rowCount(cascade), 2);

    await primary.follow(standby);
    await standby.waitForReplay(primary);
    assert.equal(await rowCount(primary), 2);
    assert.deepEqual(await slotNames(primary), ['orders', 'standby']);
  });

  test('a primary with WAL that the new one never had rejoins by a new base backup only', {
    timeout: TIMEOUT_MS * 2,
  }, async () => {
    await using primary = await startPrimary({ major: 18 });
    const standby = await primary.addStandby({ name: 'standby' });
    await primary.query('create table numbered (id int)');
    await primary.waitForReplay(standby);
    await standby.stop();
    await insertRow(primary, 1);
    await primary.kill();
    await standby.start();
    await standby.promote();

    await assert.rejects(primary.follow(standby, { timeoutMs: 2000 }), /does not stream/);
    await primary.recloneFrom(standby);
    await insertRow(standby, 2);
    await standby.waitForReplay(primary);
    assert.equal(await rowCount(primary), 1);
  });

  test('a cascaded standby can be moved to the primary while it runs', { timeout: TIMEOUT_MS }, async () => {
    await using primary = await startPrimary({ major: 16 });
    const standby = await primary.addStandby({ name: 'standby' });
    const cascade = await standby.addStandby({ name: 'cascade' });
    await cascade.follow(primary);
    await standby.stop();
    await primary.query('create table numbered (id int)');
    await primary.waitForReplay(cascade);
    assert.deepEqual(await slotNames(primary), ['cascade', 'standby']);
  });
});

describe('one server', () => {
  test('settings take effect by reload or restart, and a bad one is refused', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await using primary = await startPrimary({ major: 18, settings: { max_replication_slots: '7' } });
    const setting = async (name: string): Promise<string | undefined> => {
      const [row] = await primary.query<{ value: string }>('select current_setting($1) as value', [name]);
      return row?.value;
    };
    assert.equal(await setting('max_replication_slots'), '7');
    assert.equal(await setting('fsync'), 'off');
    await primary.setConfig({ max_replication_slots: '8', work_mem: '1MB' });
    assert.equal(await setting('max_replication_slots'), '8');
    await primary.setConfig({ work_mem: undefined });
    assert.equal(await setting('work_mem'), '4MB');
    await assert.rejects(primary.setConfig({ work_mem: 'plenty' }), /work_mem/);
  });

  test('a standby holds its position while replay is paused', { timeout: TIMEOUT_MS }, async () => {
    await using primary = await startPrimary({ major: 17 });
    const standby = await primary.addStandby({ name: 'standby', withSlot: false });
    assert.deepEqual(await slotNames(primary), []);
    await primary.query('create table numbered (id int)');
    await primary.waitForReplay(standby);
    await standby.pauseReplay();
    await insertRow(primary, 1);
    await assert.rejects(primary.waitForReplay(standby, undefined, 300), /seen last/);
    assert.equal(await rowCount(standby), 0);
    await standby.resumeReplay();
    await primary.waitForReplay(standby);
    assert.equal(await rowCount(standby), 1);
  });

  test('two clusters have different system identifiers', { timeout: TIMEOUT_MS }, async () => {
    await using one = await startPrimary({ major: 18 });
    await using other = await startPrimary({ major: 18 });
    assert.notEqual(await systemIdentifier(one), await systemIdentifier(other));
  });

  test('a role without one of the grants has all others', { timeout: TIMEOUT_MS }, async () => {
    await using primary = await startPrimary({ major: 18 });
    await primary.createRole('full');
    await primary.createRole('unmonitored', { without: ['pg_monitor'] });
    const rows = await primary.query(
      `select rolname::text, rolreplication, rolsuper, pg_has_role(oid, 'pg_monitor', 'member') as monitors,
              has_function_privilege(oid, 'pg_log_standby_snapshot()', 'execute') as nudges,
              has_parameter_privilege(oid, 'log_min_messages', 'set') as quiets
         from pg_roles where rolname in ('full', 'unmonitored') order by 1`,
    );
    const rest = { rolreplication: true, rolsuper: false, nudges: true, quiets: true };
    assert.deepEqual(rows, [
      { rolname: 'full', ...rest, monitors: true },
      { rolname: 'unmonitored', ...rest, monitors: false },
    ]);
  });

  test('a disposed cluster leaves neither processes nor folders', { timeout: TIMEOUT_MS }, async () => {
    const primary = await startPrimary({ major: 18 });
    const standby = await primary.addStandby({ name: 'standby' });
    await standby.kill();
    await primary[Symbol.asyncDispose]();
    for (const server of [primary, standby]) {
      assert.equal(server.isRunning, false);
      assert.equal(existsSync(dirname(server.dataFolder)), false);
      await assert.rejects(server.query('select 1'), /ECONNREFUSED/);
    }
  });
});
