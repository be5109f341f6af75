import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { formatLsn, parseLsn, parseSlotName, reason } from '@slotcast/domain';
import {
  advanceSlots,
  connectPostgres,
  createTemporarySlot,
  flushWal,
  logStandbySnapshot,
  type ObservedPrimary,
  observePrimary,
  type PostgresConnection,
  readServerIdentity,
} from '@slotcast/postgres';
import { confirmFalsely, type PostgresMajor, type PostgresServer, startPrimary } from '@slotcast/testkit';
import { optionsFor, ROLE, withConnection } from '../connection/open-connections.ts';

const TIMEOUT_MS = 180_000;

async function observe(connection: PostgresConnection): Promise<ObservedPrimary> {
  const seen = await observePrimary(connection);
  assert.ok(!seen.inRecovery);
  return seen;
}

for (const major of [13, 16, 17, 18] satisfies PostgresMajor[]) {
  describe(`a primary of PostgreSQL ${major}`, { timeout: 180_000 }, () => {
    let server: PostgresServer;
    let connection: PostgresConnection;

    before(async () => {
      server = await startPrimary({ major });
      await server.createRole(ROLE);
      await server.query('create table numbered (id int)');
      connection = await connectPostgres(optionsFor(server));
    });

    after(async () => {
      await connection?.close();
      await server?.[Symbol.asyncDispose]();
    });

    test('without any slot shows its positions and its timeline', { timeout: TIMEOUT_MS }, async () => {
      const seen = await observe(connection);
      assert.deepEqual(seen.slots, []);
      assert.equal(seen.timeline, 1);
      assert.ok(seen.flushLsn > 0n && seen.insertLsn >= seen.flushLsn);
    });

    test('shows a physical and a logical slot with all that this major knows of them', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await server.query(`select pg_create_physical_replication_slot('standby', true)`);
      const twoPhase = major >= 14;
      const failover = major >= 17;
      await server.query(
        `select pg_create_logical_replication_slot('orders', 'pgoutput', false${twoPhase ? ', true' : ''}${failover ? ', true' : ''})`,
      );
      const [raw] = await server.query<{
        restart: string;
        confirmed: string;
        catalog_xmin: string;
        datoid: number;
      }>(
        `select restart_lsn as restart, confirmed_flush_lsn as confirmed, catalog_xmin, datoid from pg_replication_slots where slot_name = 'orders'`,
      );
      assert.ok(raw);
      const seen = await observe(connection);
      const [orders, standby] = seen.slots.toSorted((a, b) => (a.name < b.name ? -1 : 1));
      assert.deepEqual(orders, {
        name: 'orders',
        type: 'logical',
        plugin: 'pgoutput',
        database: 'postgres',
        databaseOid: raw.datoid,
        twoPhase,
        twoPhaseAt: major >= 18 ? parseLsn(raw.confirmed) : undefined,
        failover,
        synced: false,
        restartLsn: parseLsn(raw.restart),
        confirmedFlushLsn: parseLsn(raw.confirmed),
        catalogXmin: Number(raw.catalog_xmin),
        walStatus: 'reserved',
        invalidationReason: undefined,
        active: false,
      });
      assert.equal(standby?.name, 'standby');
      assert.equal(standby?.type, 'physical');
      assert.equal(standby?.confirmedFlushLsn, undefined);
      assert.ok(standby?.restartLsn);
    });

    test('leaves out temporary slots, slots in the making, and those that slotcast works with', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await withConnection(optionsFor(server), async (other) => {
        await createTemporarySlot(other, { name: 'fleeting', plugin: 'pgoutput' });
        await server.query(`select pg_create_physical_replication_slot('slotcast_keep')`);
        await withConnection(optionsFor(server, { database: 'postgres' }), async (writer) => {
          await writer.run({ text: 'begin' });
          await writer.run({ text: `select pg_logical_emit_message(true, 'open', '')` });
          const controller = new AbortController();
          const { signal } = controller;
          const text = `select pg_create_logical_replication_slot('unfinished', 'pgoutput')`;
          await withConnection(optionsFor(server), async (creator) => {
            const creating = assert.rejects(creator.run({ text }, { signal }));
            await server.waitFor(
              `select from pg_replication_slots where slot_name = 'unfinished' and confirmed_flush_lsn is null`,
              (rows) => rows.length === 1,
            );
            const names = (await observe(connection)).slots.map((slot) => slot.name);
            assert.deepEqual(names.toSorted(), ['orders', 'standby']);
            controller.abort(new Error('enough'));
            await creating;
          });
        });
      });
      await server.query(`select pg_drop_replication_slot('slotcast_keep')`);
    });

    test('never shows a slot beyond the flush position of the same look', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const name = parseSlotName('orders');
      await withConnection(optionsFor(server), async (mover) => {
        const done = new AbortController();
        const moving = (async () => {
          while (!done.signal.aborted) {
            await flushWal(mover);
            await advanceSlots(mover, [{ name, target: (await observe(mover)).flushLsn }]);
          }
        })();
        try {
          for (let look = 0; look < 100; look += 1) {
            const { slots, flushLsn } = await observe(connection);
            const confirmed = slots.find((slot) => slot.name === name)?.confirmedFlushLsn;
            assert.ok(confirmed !== undefined && confirmed <= flushLsn);
          }
        } finally {
          done.abort();
          await moving;
        }
      });
    });

    test('shows the other slots, and why, when a client has confirmed what is no position', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const slot = 'broken';
      await server.query(`select pg_create_logical_replication_slot('${slot}', 'test_decoding')`);
      await confirmFalsely({ url: server.url(), slot, position: 2n ** 64n - 1n });
      const { slots, unreadable } = await observe(connection);
      assert.ok(slots.some(({ name }) => name === 'orders'));
      assert.deepEqual(
        unreadable.map((entry) => entry.slot),
        [slot],
      );
      assert.deepEqual(
        unreadable[0]?.reason,
        reason('unreadable_position', { column: 'confirmed_flush_lsn', value: 'FFFFFFFF/FFFFFFFF' }),
      );
      await server.query(`select pg_drop_replication_slot('${slot}')`);
      assert.deepEqual((await observe(connection)).unreadable, []);
    });

    test('flushes its WAL on request, even with asynchronous commits and a synchronous standby that is away', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await server.query(`alter role ${ROLE} set synchronous_commit = off`);
      await withConnection(optionsFor(server), async (asynchronous) => {
        const text = `select pg_logical_emit_message(true, 'unflushed', repeat('x', 1000)) as lsn`;
        await asynchronous.run({ text });
        const message = await flushWal(asynchronous);
        assert.ok((await observe(asynchronous)).flushLsn >= message);
      });
      await server.query(`alter role ${ROLE} reset synchronous_commit`);
      await server.setConfig({ synchronous_standby_names: 'nobody' });
      try {
        await flushWal(connection, AbortSignal.timeout(5000));
      } finally {
        await server.setConfig({ synchronous_standby_names: undefined });
      }
    });

    test('tells its system identifier on any connection', { timeout: TIMEOUT_MS }, async () => {
      const [row] = await server.query<{ id: string }>(
        'select system_identifier::text as id from pg_control_system()',
      );
      const identity = await readServerIdentity(connection);
      assert.equal(identity.systemIdentifier, row?.id);
      assert.equal(identity.serverVersion, connection.serverVersion);
    });

    test('tells why a slot is lost', { timeout: TIMEOUT_MS }, async () => {
      await server.query(`select pg_create_logical_replication_slot('late', 'pgoutput')`);
      const before = (await observe(connection)).slots.find((slot) => slot.name === 'late');
      assert.equal(before?.invalidationReason, undefined);
      await server.setConfig({ max_slot_wal_keep_size: '1MB', wal_keep_size: '0' });
      await server.query('select pg_switch_wal()');
      await server.query(`insert into numbered select generate_series(1, 10)`);
      await server.query('select pg_switch_wal()');
      await server.query(`insert into numbered select generate_series(1, 10)`);
      await server.query('checkpoint');
      const lost = (await observe(connection)).slots.find((slot) => slot.name === 'late');
      assert.equal(lost?.walStatus, 'lost');
      assert.equal(lost?.invalidationReason, 'wal_removed');
    });

    if (major >= 16) {
      test('logs its running transactions for the least-privileged role', {
        timeout: TIMEOUT_MS,
      }, async () => {
        const position = await logStandbySnapshot(connection);
        await flushWal(connection);
        assert.ok((await observe(connection)).flushLsn >= position, formatLsn(position));
      });
    }
  });
}
