import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { formatLsn, lsn, parseLsn, parseSlotName, timeline } from '@slotcast/domain';
import {
  advanceSlot,
  classifyPostgresError,
  connectPostgres,
  copySlot,
  createLogicalSlot,
  createTemporarySlot,
  describePostgresError,
  dropSlot,
  flushWal,
  isPostgresError,
  logStandbySnapshot,
  type PostgresConnection,
  type PostgresErrorClass,
  readTimelineHistory,
  SlotMovedError,
} from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary } from '@slotcast/testkit';
import { optionsFor, ROLE, withConnection } from './open-connections.ts';

const TIMEOUT_MS = 180_000;

interface Expected {
  readonly code: string;
  readonly class: PostgresErrorClass;
  readonly remedy?: RegExp;
}

async function assertError(work: () => Promise<unknown>, expected: Expected): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(isPostgresError(error), String(error));
    const found = classifyPostgresError(error);
    const described = describePostgresError(error);
    assert.deepEqual(
      { code: found.code, class: found.class },
      { code: expected.code, class: expected.class },
      described,
    );
    assert.match(found.remedy, expected.remedy ?? /./);
    assert.match(described, new RegExp(`\\[${expected.code}\\]`));
    return true;
  });
}

for (const major of [13, 18] satisfies PostgresMajor[]) {
  describe(`what PostgreSQL ${major} refuses`, { timeout: 180_000 }, () => {
    let server: PostgresServer;
    let connection: PostgresConnection;

    before(async () => {
      server = await startPrimary({ major, settings: { max_replication_slots: '3' } });
      await server.createRole(ROLE);
      connection = await connectPostgres(optionsFor(server));
      await createLogicalSlot(connection, { name: 'orders', plugin: 'pgoutput', twoPhase: false });
    });

    after(async () => {
      await connection?.close();
      await server?.[Symbol.asyncDispose]();
    });

    test('moving a slot backwards: what was known is stale', { timeout: TIMEOUT_MS }, async () => {
      const backwards = { name: parseSlotName('orders'), target: lsn(1n) };
      await assertError(() => advanceSlot(connection, backwards), { code: '55000', class: 'stale' });
    });

    test('a slot that is missing: what was known is stale', { timeout: TIMEOUT_MS }, async () => {
      const missing = { name: parseSlotName('missing'), target: lsn(1n) };
      const expected = { code: '42704', class: 'stale' } as const;
      await assertError(() => advanceSlot(connection, missing), expected);
      await assertError(() => dropSlot(connection, missing.name), expected);
      const names = { source: 'missing', target: 'copy', plugin: 'pgoutput', onPromoted: true };
      await assertError(() => copySlot(connection, names), expected);
    });

    test('a slot in use: try again', { timeout: TIMEOUT_MS }, async () => {
      const busy = parseSlotName('slotcast_tmp_busy');
      await withConnection(optionsFor(server), async (owner) => {
        const { consistentPoint } = await createTemporarySlot(owner, { name: busy, plugin: 'pgoutput' });
        const expected = { code: '55006', class: 'retry' } as const;
        await assertError(() => advanceSlot(connection, { name: busy, target: consistentPoint }), expected);
        await assertError(() => dropSlot(connection, busy), expected);
      });
    });

    test('a name that is taken, a plugin that is missing or none, and more slots than allowed', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const create = (name: string, plugin: string) => () =>
        createLogicalSlot(connection, { name, plugin, twoPhase: false });
      await assertError(create('orders', 'pgoutput'), { code: '42710', class: 'stale' });
      await assertError(create('late', 'nosuch'), {
        code: '58P01',
        class: 'blocked',
        remedy: /output plugin/,
      });
      await assertError(create('late', 'libpqwalreceiver'), {
        code: 'XX000',
        class: 'blocked',
        remedy: /no output/,
      });
      await create('second', 'pgoutput')();
      await server.waitFor(
        'select count(*)::int as count from pg_replication_slots',
        ([row]) => row?.['count'] === 2,
      );
      await create('third', 'pgoutput')();
      await assertError(create('late', 'pgoutput'), {
        code: '53400',
        class: 'blocked',
        remedy: /max_replication_slots/,
      });
      await dropSlot(connection, 'second');
      await dropSlot(connection, 'third');
    });

    test('a slot that was moved since it was looked at is not dropped', { timeout: TIMEOUT_MS }, async () => {
      const look = async () => {
        const [row] = await server.query<{ restart_lsn: string; confirmed_flush_lsn: string }>(
          "select restart_lsn, confirmed_flush_lsn from pg_replication_slots where slot_name = 'doubtful'",
        );
        assert.ok(row);
        return {
          restartLsn: parseLsn(row.restart_lsn),
          confirmedFlushLsn: parseLsn(row.confirmed_flush_lsn),
        };
      };
      await createLogicalSlot(connection, { name: 'doubtful', plugin: 'pgoutput', twoPhase: false });
      const seen = await look();
      await flushWal(connection);
      await server.query("select pg_replication_slot_advance('doubtful', pg_current_wal_flush_lsn())");
      await assert.rejects(dropSlot(connection, 'doubtful', undefined, seen), (error) => {
        assert.ok(error instanceof SlotMovedError);
        assert.match(
          error.message,
          new RegExp(`it was at ${formatLsn(seen.confirmedFlushLsn)} and needed WAL`),
        );
        return true;
      });
      await dropSlot(connection, 'doubtful', undefined, await look());
      await assert.rejects(dropSlot(connection, 'doubtful'), { code: '42704' });
    });

    test('a role without privileges gets the statement that fixes it', { timeout: TIMEOUT_MS }, async () => {
      await server.query('create role nobody login');
      const url = server.url('postgres', 'nobody');
      await withConnection({ url, applicationName: 'slotcast-test' }, async (poor) => {
        const slot = { name: 'late', plugin: 'pgoutput', twoPhase: false };
        const expected = { code: '42501', class: 'fatal' } as const;
        await assertError(() => createLogicalSlot(poor, slot), {
          ...expected,
          remedy: /ALTER ROLE .* REPLICATION/,
        });
        if (major >= 16) {
          const remedy = /GRANT EXECUTE ON FUNCTION pg_log_standby_snapshot/;
          await assertError(() => logStandbySnapshot(poor), { ...expected, remedy });
        }
      });
      const walsender = { url, applicationName: 'slotcast-test', replication: true };
      await assertError(() => connectPostgres(walsender), {
        code: '42501',
        class: 'fatal',
        remedy: /ALTER ROLE .* REPLICATION/,
      });
    });

    test('a role and a database that do not exist', { timeout: TIMEOUT_MS }, async () => {
      const unknownRole = { url: server.url('postgres', 'stranger'), applicationName: 'slotcast-test' };
      await assertError(() => connectPostgres(unknownRole), { code: '28000', class: 'fatal' });
      await assertError(() => connectPostgres(optionsFor(server, { database: 'gone' })), {
        code: '3D000',
        class: 'stale',
      });
    });

    test('a statement past statement_timeout', { timeout: TIMEOUT_MS }, async () => {
      await withConnection(optionsFor(server, { statementTimeoutMs: 20 }), async (hurried) => {
        await assertError(() => hurried.run({ text: 'select pg_sleep(10)' }), {
          code: '57014',
          class: 'cancelled',
        });
      });
    });

    test('the history of a timeline that it does not have', { timeout: TIMEOUT_MS }, async () => {
      await withConnection(optionsFor(server, { replication: true }), async (replication) => {
        await assertError(() => readTimelineHistory(replication, timeline(7)), {
          code: '58P01',
          class: 'blocked',
          remedy: /history file/,
        });
      });
    });

    test('a statement of its own making is no known error', { timeout: TIMEOUT_MS }, async () => {
      await assertError(() => connection.run({ text: 'selekt' }), { code: '42601', class: 'unexpected' });
      assert.equal(isPostgresError(new Error('other')), false);
    });

    test('more connections than allowed: try again', { timeout: TIMEOUT_MS }, async () => {
      await server.query(`alter role ${ROLE} connection limit 1`);
      await assertError(() => connectPostgres(optionsFor(server)), { code: '53300', class: 'retry' });
      await server.query(`alter role ${ROLE} connection limit -1`);
    });

    test('a database dropped under a session, and writing in recovery: what was known is stale', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await server.query('create database doomed');
      const standby = await server.addStandby({ name: 'standby', withSlot: false });
      const doomed = await connectPostgres(optionsFor(standby, { database: 'doomed' }));
      const running = assertError(() => doomed.run({ text: 'select pg_sleep(25)' }), {
        code: '57P04',
        class: 'stale',
      });
      await standby.waitFor(
        `select from pg_stat_activity where datname = 'doomed' and state = 'active'`,
        (rows) => rows.length === 1,
      );
      await server.query('drop database doomed');
      await running;
      await doomed.close();

      await withConnection(optionsFor(standby), async (onStandby) => {
        await assertError(() => flushWal(onStandby), { code: 'XX000', class: 'stale' });
        const slot = { name: 'late', plugin: 'pgoutput', twoPhase: false, timeoutMs: 5000 };
        if (major < 16) {
          await assertError(() => createLogicalSlot(onStandby, slot), {
            code: '0A000',
            class: 'blocked',
            remedy: /16/,
          });
        } else {
          await assertError(() => logStandbySnapshot(onStandby), { code: '55000', class: 'stale' });
        }
      });
    });

    test('a server whose wal_level is too low', { timeout: TIMEOUT_MS }, async () => {
      await dropSlot(connection, 'orders');
      await server.setConfig({ wal_level: 'replica' });
      await withConnection(optionsFor(server), async (fresh) => {
        const slot = { name: 'late', plugin: 'pgoutput', twoPhase: false };
        await assertError(() => createLogicalSlot(fresh, slot), {
          code: '55000',
          class: 'fatal',
          remedy: /wal_level/,
        });
      });
    });

    test('a server that is shutting down or starting: try again', { timeout: TIMEOUT_MS }, async () => {
      const idle = await connectPostgres(optionsFor(server));
      await server.restart();
      assert.equal(classifyPostgresError(await idle.closed).class, 'retry');
    });
  });
}
