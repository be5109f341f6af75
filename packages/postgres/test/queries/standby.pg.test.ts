import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isInvalidated, isLogical, type Lsn, lsn, parseLsn, parseSlotName } from '@slotcast/domain';
import {
  advanceSlot,
  advanceSlots,
  connectPostgres,
  copySlot,
  createLogicalSlot,
  createTemporarySlot,
  dropSlot,
  endLeftSessions,
  flushWal,
  identifySystem,
  isMissingWal,
  logStandbySnapshot,
  type ObservedStandby,
  observePrimary,
  observeStandby,
  type PostgresConnection,
  readOldestWal,
  readServerIdentity,
  readStandbySettings,
  readTimelineHistory,
  StatementTimeoutError,
  silenceLog,
} from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary } from '@slotcast/testkit';
import { optionsFor, ROLE, withConnection } from '../connection/open-connections.ts';

const TIMEOUT_MS = 180_000;

async function observe(connection: PostgresConnection): Promise<ObservedStandby> {
  const seen = await observeStandby(connection);
  assert.ok(seen.inRecovery);
  return seen;
}

async function slotNamed(connection: PostgresConnection, name: string) {
  return (await observe(connection)).slots.filter(isLogical).find((slot) => slot.name === name);
}

function isThere(slot: string): string {
  return `select from pg_replication_slots where slot_name = '${slot}'`;
}

for (const major of [16, 17, 18] satisfies PostgresMajor[]) {
  describe(`a standby of PostgreSQL ${major}`, { timeout: 180_000 }, () => {
    let primary: PostgresServer;
    let standby: PostgresServer;
    let onPrimary: PostgresConnection;
    let onStandby: PostgresConnection;

    before(async () => {
      primary = await startPrimary({ major });
      await primary.createRole(ROLE);
      await primary.query('create table numbered (id int)');
      standby = await primary.addStandby({ name: 'standby' });
      onPrimary = await connectPostgres(optionsFor(primary));
      onStandby = await connectPostgres(optionsFor(standby));
    });

    after(async () => {
      await onStandby?.close();
      await onPrimary?.close();
      await primary?.[Symbol.asyncDispose]();
    });

    /** Does what the publisher does for a consumer that is making a slot. */
    async function nudge(): Promise<void> {
      await logStandbySnapshot(onPrimary);
      await flushWal(onPrimary);
    }

    async function untilCreating(): Promise<void> {
      await standby.waitFor(
        `select from pg_replication_slots where slot_type = 'logical' and confirmed_flush_lsn is null`,
        (rows) => rows.length === 1,
      );
    }

    async function whileCreating<T>(creation: Promise<T>): Promise<T> {
      const [created] = await Promise.all([creation, untilCreating().then(nudge)]);
      return created;
    }

    test('without any slot shows how far it has received and replayed', { timeout: TIMEOUT_MS }, async () => {
      const flushed = await flushWal(onPrimary);
      await primary.waitForReplay(standby);
      const seen = await observe(onStandby);
      assert.deepEqual(seen.slots, []);
      assert.ok(seen.replayLsn >= flushed);
      assert.ok(seen.receiveLsn !== undefined && seen.receiveLsn >= seen.replayLsn);
      assert.deepEqual(await observePrimary(onStandby), { inRecovery: true });
      assert.deepEqual(await observeStandby(onPrimary), { inRecovery: false });
    });

    test('tells its settings and where it streams from', { timeout: TIMEOUT_MS }, async () => {
      const settings = await readStandbySettings(onStandby);
      assert.deepEqual(settings, {
        walLevel: 'logical',
        hotStandbyFeedback: true,
        primarySlotName: 'standby',
        maxReplicationSlots: 50,
        syncReplicationSlots: false,
        replayPaused: false,
        slotLimits: { keepBytes: undefined, idleTimeoutMs: undefined },
        walReceiver: {
          status: 'streaming',
          senderHost: '127.0.0.1',
          senderPort: primary.port,
          slotName: 'standby',
          receivedTimeline: 1,
        },
      });
      await standby.pauseReplay();
      assert.equal((await readStandbySettings(onStandby)).replayPaused, true);
      await standby.resumeReplay();
      const ofPrimary = await readStandbySettings(onPrimary);
      assert.equal(ofPrimary.walReceiver, undefined);
      assert.equal(ofPrimary.primarySlotName, undefined);
    });

    test('tells what can take a slot: limits for WAL and idleness, and the oldest WAL file', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const mebibyte = 1024n * 1024n;
      await standby.setConfig({
        max_slot_wal_keep_size: '32MB',
        wal_keep_size: '64MB',
        ...(major >= 18 ? { idle_replication_slot_timeout: '2min' } : {}),
      });
      await standby.waitFor<{ set: string }>(
        "select current_setting('max_slot_wal_keep_size') as set",
        ([row]) => row?.set === '32MB',
      );
      assert.deepEqual((await readStandbySettings(onStandby)).slotLimits, {
        keepBytes: 64n * mebibyte,
        idleTimeoutMs: major >= 18 ? 120_000 : undefined,
      });
      await standby.setConfig({
        max_slot_wal_keep_size: '-1',
        ...(major >= 18 ? { idle_replication_slot_timeout: '0' } : {}),
      });
      const oldest = await readOldestWal(onStandby);
      const { replayLsn } = await observe(onStandby);
      assert.ok(oldest !== undefined && oldest <= replayLsn && oldest % (16n * mebibyte) === 0n);
    });

    test('makes a temporary slot once running transactions are logged, and copies it to a real name', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await withConnection(optionsFor(standby), async (creator) => {
        const creation = createTemporarySlot(creator, { name: 'slotcast_tmp_1', plugin: 'pgoutput' });
        const { consistentPoint } = await whileCreating(creation);
        const temporary = await slotNamed(onStandby, 'slotcast_tmp_1');
        assert.equal(temporary?.temporary, true);
        assert.equal(temporary?.confirmedFlushLsn, consistentPoint);

        const names = { source: 'slotcast_tmp_1', target: 'orders', plugin: 'pgoutput' };
        assert.deepEqual(await copySlot(onStandby, names), { confirmedFlushLsn: consistentPoint });
        await copySlot(onStandby, { ...names, target: 'invoices' });
        const copy = await slotNamed(onStandby, 'orders');
        assert.equal(copy?.temporary, false);
        assert.equal(copy?.database, 'postgres');
        assert.equal(copy?.confirmedFlushLsn, consistentPoint);
      });
      await standby.waitFor(
        `select from pg_replication_slots where slot_name = 'slotcast_tmp_1'`,
        (rows) => rows.length === 0,
      );
    });

    test('a creation that waits for a long transaction can be given up, and leaves no slot', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await withConnection(optionsFor(primary), async (writer) => {
        await writer.run({ text: 'begin' });
        await writer.run({ text: `select pg_logical_emit_message(true, 'open', '')` });
        await withConnection(optionsFor(standby), async (creator) => {
          const slot = { name: 'slotcast_tmp_2', plugin: 'pgoutput', timeoutMs: 300 };
          await assert.rejects(createTemporarySlot(creator, slot), StatementTimeoutError);
          assert.equal(await slotNamed(onStandby, 'slotcast_tmp_2'), undefined);

          const controller = new AbortController();
          const reason = new Error('stop');
          const direct = { name: 'direct', plugin: 'pgoutput', twoPhase: true };
          const creation = createLogicalSlot(creator, direct, controller.signal);
          const abort = async (): Promise<void> => {
            await untilCreating();
            await nudge();
            controller.abort(reason);
          };
          await Promise.all([assert.rejects(creation, reason), abort()]);
          assert.equal(await slotNamed(onStandby, 'direct'), undefined);
        });
      });
    });

    test('a creation ends while its transaction is still open: soon after its client is gone, or when its successor ends it', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const names = ['slotcast_tmp_7', 'slotcast_tmp_8', 'direct', 'slotcast_tmp_9'] as const;
      const [killed, probe, direct, foreign] = names;
      await withConnection(optionsFor(primary), async (writer) => {
        await writer.run({ text: 'begin' });
        await writer.run({ text: `select pg_logical_emit_message(true, 'open', '')` });
        const creators = await Promise.all(
          names.map((name) =>
            connectPostgres(optionsFor(standby, name === foreign ? { applicationName: 'other' } : {})),
          ),
        );
        const creations = creators.map((creator, index) => {
          const slot = { name: names[index] ?? '', plugin: 'pgoutput', twoPhase: true };
          return slot.name === direct ? createLogicalSlot(creator, slot) : createTemporarySlot(creator, slot);
        });
        const ended = creations.map((creation) => assert.rejects(creation));
        for (const name of names) {
          await standby.waitFor(isThere(name), (rows) => rows.length === 1);
        }
        await nudge();
        // What is under way is cut off: the server finds the connection closed, as after a kill.
        await creators[0]?.close();
        await standby.waitFor(isThere(killed), (rows) => rows.length === 0);
        await endLeftSessions(onStandby, { prefix: 'slotcast_tmp_', names: [direct] });
        await standby.waitFor(isThere(probe), (rows) => rows.length === 0);
        await standby.waitFor(isThere(direct), (rows) => rows.length === 0);
        assert.notEqual(await slotNamed(onStandby, foreign), undefined);
        await creators[3]?.close();
        await Promise.all(ended);
      });
    });

    test('makes a two_phase slot under its real name', { timeout: TIMEOUT_MS }, async () => {
      await withConnection(optionsFor(standby), async (creator) => {
        const slot = { name: 'prepared', plugin: 'test_decoding', twoPhase: true };
        const { consistentPoint } = await whileCreating(createLogicalSlot(creator, slot));
        const made = await slotNamed(onStandby, 'prepared');
        assert.equal(made?.twoPhase, true);
        assert.equal(made?.confirmedFlushLsn, consistentPoint);
        assert.equal(made?.twoPhaseAt, major >= 18 ? consistentPoint : undefined);
      });
      await dropSlot(onStandby, 'prepared');
      assert.equal(await slotNamed(onStandby, 'prepared'), undefined);
    });

    test('advances several slots in one statement, never past replay, and says where they arrived', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const [orders, invoices] = [parseSlotName('orders'), parseSlotName('invoices')];
      await primary.query('insert into numbered values (1)');
      await nudge();
      const target = parseLsn(await primary.waitForReplay(standby));
      const moved = await advanceSlots(onStandby, [
        { name: orders, target },
        { name: invoices, target },
      ]);
      assert.deepEqual(
        moved.toSorted((a, b) => (a.name < b.name ? 1 : -1)),
        [
          { name: orders, endLsn: target },
          { name: invoices, endLsn: target },
        ],
      );
      assert.equal((await slotNamed(onStandby, 'orders'))?.confirmedFlushLsn, target);

      await standby.pauseReplay();
      await primary.query('insert into numbered values (2)');
      const beyond = parseLsn(await primary.currentLsn());
      const { replayLsn } = await observe(onStandby);
      const stopped = await advanceSlot(onStandby, { name: orders, target: beyond });
      assert.equal(stopped.endLsn, replayLsn);
      assert.ok(stopped.endLsn < beyond);
      await standby.resumeReplay();
    });

    test('moves the slots before a bad one in the same statement', { timeout: TIMEOUT_MS }, async () => {
      const [orders, invoices] = [parseSlotName('orders'), parseSlotName('invoices')];
      await primary.query('insert into numbered values (3)');
      await nudge();
      const target = parseLsn(await primary.waitForReplay(standby));
      const targets = [
        { name: orders, target },
        { name: parseSlotName('missing'), target },
        { name: invoices, target },
      ];
      await assert.rejects(advanceSlots(onStandby, targets), { code: '42704' });
      assert.equal((await slotNamed(onStandby, 'orders'))?.confirmedFlushLsn, target);
      assert.notEqual((await slotNamed(onStandby, 'invoices'))?.confirmedFlushLsn, target);
    });

    test('says that a slot cannot be decoded because its WAL is missing, even when it has not to move', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const invoices = await slotNamed(onStandby, 'invoices');
      assert.ok(invoices?.confirmedFlushLsn !== undefined && invoices.restartLsn !== undefined);
      // The server itself works on another file from now on.
      await primary.query("select pg_logical_emit_message(true, 'test', ''), pg_switch_wal()");
      await nudge();
      await primary.waitForReplay(standby);
      const [row] = await standby.query<{ folder: string }>(
        "select current_setting('data_directory') as folder",
      );
      const file = join(row?.folder ?? '', 'pg_wal', walFile(invoices.restartLsn));
      await rename(file, `${file}.away`);
      try {
        const stays = { name: invoices.name, target: invoices.confirmedFlushLsn };
        await assert.rejects(advanceSlot(onStandby, stays), (error) => isMissingWal(error));
      } finally {
        await rename(`${file}.away`, file);
      }
    });

    test('keeps its log quiet when the role may, and says so when it may not', {
      timeout: TIMEOUT_MS,
    }, async () => {
      assert.equal(await silenceLog(onStandby), true);
      await primary.createRole('loud', { without: ['log_min_messages'] });
      await primary.waitForReplay(standby);
      await withConnection({ ...optionsFor(standby), url: standby.url('postgres', 'loud') }, async (loud) => {
        assert.equal(await silenceLog(loud), false);
      });
    });

    test('tells that a slot is lost to a conflict with recovery', { timeout: TIMEOUT_MS }, async () => {
      await standby.setConfig({ hot_standby_feedback: 'off' });
      await primary.waitFor(
        `select from pg_replication_slots where slot_name = 'standby' and catalog_xmin is not null`,
        (rows) => rows.length === 0,
      );
      await primary.query('create table fleeting (id int)');
      await primary.query('drop table fleeting');
      await primary.query('vacuum pg_class, pg_attribute, pg_type');
      await primary.query('insert into numbered values (4)');
      await primary.waitForReplay(standby);
      const orders = await slotNamed(onStandby, 'orders');
      assert.ok(orders !== undefined && isInvalidated(orders));
      assert.equal(orders.invalidationReason, major >= 17 ? 'rows_removed' : 'conflicting');
      assert.equal(orders.walStatus, 'lost');
    });

    test('tells its timeline and history before and after a promotion', { timeout: TIMEOUT_MS }, async () => {
      await promoteAndCheckHistory(primary, standby);
      const seen = await observePrimary(onStandby);
      assert.ok(!seen.inRecovery);
      assert.equal(seen.timeline, 2);
      assert.deepEqual(await observeStandby(onStandby), { inRecovery: false });
    });
  });
}

describe('a standby of PostgreSQL 13', { timeout: 180_000 }, () => {
  test('tells its positions, settings, timeline and history', { timeout: 180_000 }, async () => {
    await using primary = await startPrimary({ major: 13 });
    await primary.createRole(ROLE);
    const standby = await primary.addStandby({ name: 'standby' });
    await withConnection(optionsFor(standby), async (connection) => {
      assert.ok((await observe(connection)).replayLsn > 0n);
      assert.equal((await readStandbySettings(connection)).walReceiver?.senderPort, primary.port);
    });
    await promoteAndCheckHistory(primary, standby);
  });
});

/** The WAL file of timeline 1 that holds a position, with segments of 16 MiB. */
function walFile(position: Lsn): string {
  return `00000001${eightDigits(position >> 32n)}${eightDigits((position & 0xffffffffn) >> 24n)}`;
}

function eightDigits(part: bigint): string {
  return part.toString(16).toUpperCase().padStart(8, '0');
}

async function promoteAndCheckHistory(primary: PostgresServer, standby: PostgresServer): Promise<void> {
  await withConnection(optionsFor(standby, { replication: true }), async (replication) => {
    const before = await identifySystem(replication);
    assert.equal(before.timeline, 1);
    assert.equal(before.database, 'postgres');
    const history = await readTimelineHistory(replication, before.timeline);
    assert.deepEqual(history, { timeline: 1, ancestors: [] });
    await withConnection(optionsFor(primary), async (connection) => {
      assert.equal((await readServerIdentity(connection)).systemIdentifier, before.systemIdentifier);
    });
  });
  await primary.stop();
  const end = parseLsn(await standby.currentLsn());
  await standby.promote();
  await withConnection(optionsFor(standby, { replication: true }), async (replication) => {
    const { timeline } = await identifySystem(replication);
    assert.equal(timeline, 2);
    const { ancestors } = await readTimelineHistory(replication, timeline);
    assert.deepEqual(ancestors, [{ timeline: 1, switchLsn: lsn(end) }]);
  });
}
