import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { formatLsn, type LocalSlot } from '@slotcast/domain';
import {
  classifyPostgresError,
  copySlot,
  createTemporarySlot,
  currentDatabase,
  DatabaseGoneError,
  DatabaseSessions,
  dropSlot,
  isPostgresError,
  observeStandby,
} from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary } from '@slotcast/testkit';
import { optionsFor, ROLE, withConnection } from './open-connections.ts';

const TIMEOUT_MS = 180_000;
const ROUNDS = 3;
const { signal } = new AbortController();

for (const major of [16, 18] satisfies PostgresMajor[]) {
  describe(`sessions of a standby of PostgreSQL ${major}`, { timeout: 180_000 }, () => {
    let primary: PostgresServer;
    let standby: PostgresServer;
    let sessions: DatabaseSessions;

    before(async () => {
      primary = await startPrimary({ major, settings: { max_replication_slots: '50' } });
      await primary.createRole(ROLE);
      standby = await primary.addStandby({ name: 'standby' });
      sessions = new DatabaseSessions(optionsFor(standby), () => undefined, signal);
    });

    after(async () => {
      await sessions?.close();
      await primary?.[Symbol.asyncDispose]();
    });

    /** Makes a database, and slots of it on the standby; returns its oid. */
    async function createDatabase(name: string, slots: readonly string[]): Promise<number> {
      await primary.query(`create database ${name}`);
      await primary.waitForReplay(standby);
      return withConnection(optionsFor(standby, { database: name }), async (maker) => {
        const making = createTemporarySlot(maker, { name: 'probe', plugin: 'pgoutput' });
        await standby.waitFor(
          "select from pg_replication_slots where slot_name = 'probe' and restart_lsn is not null",
          (rows) => rows.length === 1,
        );
        await primary.query('select pg_log_standby_snapshot()');
        await primary.query("select pg_logical_emit_message(true, 'flush', '')");
        await making;
        for (const target of slots) {
          await copySlot(maker, { source: 'probe', target, plugin: 'pgoutput' });
        }
        return (await currentDatabase(maker)).oid;
      });
    }

    async function lookAt(name: string): Promise<LocalSlot> {
      const look = await withConnection(optionsFor(standby), (connection) => observeStandby(connection));
      assert.ok(look.inRecovery);
      const slot = look.slots.find((each) => each.name === name);
      assert.ok(slot !== undefined);
      return slot;
    }

    async function slotsHere(): Promise<string[]> {
      const rows = await standby.query<{ slot_name: string }>(
        "select slot_name from pg_replication_slots where slot_name <> 'standby' order by slot_name",
      );
      return rows.map((row) => row.slot_name);
    }

    test('a DROP DATABASE that is replayed while its slots are dropped leaves the standby up', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const names = Array.from({ length: 30 }, (_, number) => `doomed_${number}`);
      for (let round = 0; round < ROUNDS; round += 1) {
        const oid = await createDatabase('doomed', names);
        await sessions.get({ name: 'doomed', oid });
        await standby.pauseReplay();
        await primary.query('drop database doomed');
        const dropping = async (): Promise<void> => {
          for (const name of names) {
            await sessions
              .drop(name)
              .catch((error: unknown) => assert.ok(isPostgresError(error), String(error)));
          }
        };
        await Promise.all([standby.resumeReplay(), dropping()]);
        await primary.waitForReplay(standby);
        assert.deepEqual(await slotsHere(), []);
        await assert.rejects(sessions.get({ name: 'doomed', oid }), DatabaseGoneError);
      }
    });

    test('two databases that swap their names keep their sessions and their slots', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const shop = { name: 'shop', oid: await createDatabase('shop', ['orders', 'bills']) };
      const hr = { name: 'hr', oid: await createDatabase('hr', []) };
      await sessions.get(shop);
      const swap = ['shop rename to other', 'hr rename to shop', 'other rename to hr'];
      for (const step of swap) {
        await primary.query(`alter database ${step}`);
      }
      await primary.waitForReplay(standby);
      for (const { name, oid } of [shop, hr]) {
        assert.equal((await currentDatabase(await sessions.get({ name, oid }))).oid, oid);
        const fresh = await sessions.openPrivate({ name, oid });
        const replication = await sessions.openReplication({ name, oid });
        assert.equal((await currentDatabase(fresh.connection)).oid, oid);
        assert.equal((await currentDatabase(replication)).oid, oid);
        await Promise.all([fresh.connection.close(), replication.close()]);
      }
      const byName = await sessions.get({ name: 'shop', oid: undefined });
      assert.equal((await currentDatabase(byName)).oid, hr.oid);
      await assert.rejects(dropSlot(byName, 'orders'), /belongs to database hr/);
      assert.deepEqual(await slotsHere(), ['bills', 'orders']);
      await sessions.drop('orders');
      assert.deepEqual(await slotsHere(), ['bills']);
    });

    test('slots of a database that lets nobody in are not touched from elsewhere', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const fresh = new DatabaseSessions(optionsFor(standby), () => undefined, signal);
      try {
        for (const [close, open, code] of [
          ['alter database hr allow_connections false', 'alter database hr allow_connections true', '55000'],
          ['revoke connect on database hr from public', 'grant connect on database hr to public', '42501'],
        ] as const) {
          await primary.query(close);
          await primary.waitForReplay(standby);
          await assert.rejects(fresh.drop('bills'), (error) => {
            const { class: found, code: said, remedy } = classifyPostgresError(error);
            assert.deepEqual([found, said], ['blocked', code]);
            assert.match(remedy, /ALLOW_CONNECTIONS|GRANT CONNECT/);
            return true;
          });
          assert.deepEqual(await slotsHere(), ['bills']);
          await primary.query(open);
          await primary.waitForReplay(standby);
        }
      } finally {
        await fresh.close();
      }
    });

    test('a slot that was moved since it was looked at is not dropped, one that stands there is', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await createDatabase('depot', ['pallets']);
      const seen = await lookAt('pallets');
      await primary.query('select pg_switch_wal()');
      await primary.waitForReplay(standby);
      await withConnection(optionsFor(standby, { database: 'depot' }), (mover) =>
        mover.run({ text: "select pg_replication_slot_advance('pallets', pg_last_wal_replay_lsn())" }),
      );
      const now = await lookAt('pallets');
      assert.ok(seen.confirmedFlushLsn !== undefined && now.confirmedFlushLsn !== undefined);
      const [before, after] = [seen.confirmedFlushLsn, now.confirmedFlushLsn].map(formatLsn);
      await assert.rejects(
        sessions.drop('pallets', seen),
        new RegExp(`it was at ${before}.* is at ${after}`),
      );
      const unknown = { ...now, restartLsn: undefined };
      await assert.rejects(sessions.drop('pallets', unknown), /was not dropped/);
      await sessions.drop('pallets', now);
      assert.ok(!(await slotsHere()).includes('pallets'));
    });

    test('a slot whose database is gone is dropped from elsewhere, a physical slot is not', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const folder = join(standby.dataFolder, 'pg_replslot');
      const aside = join(standby.dataFolder, 'bills_aside');
      await standby.stop();
      await rename(join(folder, 'bills'), aside);
      await standby.start();
      await primary.query('drop database hr');
      await primary.query('checkpoint');
      await primary.waitForReplay(standby);
      // Else the next start would replay the drop once more, and the slot's with it.
      await standby.query('checkpoint');
      await standby.stop();
      await rename(aside, join(folder, 'bills'));
      await standby.start();
      assert.deepEqual(await slotsHere(), ['bills']);
      await standby.query("select pg_create_physical_replication_slot('archive')");
      await assert.rejects(sessions.drop('archive'), /physical slot/);
      await sessions.drop('bills');
      assert.deepEqual(await slotsHere(), ['archive']);
      await assert.rejects(sessions.drop('bills'), { code: '42704' });
    });
  });
}
