import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  checkDecodingSnapshot,
  consistentPoint,
  type DataFolderMajor,
  dataFolderMajors,
  decodeControlFile,
  decodeSlotFile,
  decodeWalPage,
  decodingSnapshotName,
  parseWalFileName,
  readWalRecord,
  runningAt,
  segmentNumber,
  serverLayouts,
  walFileName,
} from '@slotcast/data-folder';
import { parseLsn } from '@slotcast/domain';
import { type PostgresServer, startPrimary } from '@slotcast/testkit';
import pg from 'pg';
import { faultOf, undetectedBits } from './faults.ts';
import { compareSlots, LONG_NAME, makeSlots, stateFiles } from './real-slots.ts';
import { controlFileOf, insertLsn, nextRunning, shapeOf, walOf } from './real-wal.ts';

/** Runs something while a transaction is open that has written. */
async function whileOpen(server: PostgresServer, act: (xid: number) => Promise<void>): Promise<void> {
  const client = new pg.Client(server.connectionOptions());
  await client.connect();
  try {
    await client.query('begin; insert into rows values (1)');
    const { rows } = await client.query<{ xid: string }>('select txid_current() as xid');
    await act(Number(rows[0]?.xid));
    await client.query('commit');
  } finally {
    await client.end();
  }
}

/** Reads what a slot has, with a running-transactions record in it, so often that its restart_lsn follows. */
async function consume(server: PostgresServer, slot: string): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await server.query('insert into rows values (1)');
    await server.query('checkpoint');
    await server.query(`select count(*) from pg_logical_slot_get_changes('${slot}', null, null)`);
  }
}

async function runningAtRestart(
  server: PostgresServer,
  slot: string,
): Promise<{ readonly said: ReturnType<typeof runningAt>; readonly hasSnapshot: boolean }> {
  const [row] = await server.query<{ lsn: string }>(
    'select restart_lsn as lsn from pg_replication_slots where slot_name = $1',
    [slot],
  );
  const at = parseLsn(row?.lsn ?? '');
  const snapshots = readdirSync(join(server.dataFolder, 'pg_logical', 'snapshots'));
  return { said: runningAt(walOf(server), at), hasSnapshot: snapshots.includes(decodingSnapshotName(at)) };
}

async function slotsTest(server: PostgresServer, major: DataFolderMajor): Promise<void> {
  await makeSlots(server);
  await consume(server, 'decoded');
  const slots = await compareSlots(server, major);
  assert.equal(slots.length, { 13: 6, 14: 7, 15: 7, 16: 7, 17: 9, 18: 9 }[major]);
  assert.deepEqual(
    slots
      .filter(({ twoPhase }) => twoPhase)
      .map(({ name, twoPhaseAt, confirmedFlushLsn }) => [name, twoPhaseAt === confirmedFlushLsn]),
    major >= 17
      ? [
          ['both', true],
          ['two_phase', true],
        ]
      : major >= 14
        ? [['two_phase', true]]
        : [],
  );
  assert.equal(slots.filter(({ failover }) => failover).length, major >= 17 ? 2 : 0);
  assert.ok(slots.some(({ name }) => name === LONG_NAME));
  const [bytes] = stateFiles(server).values();
  assert.ok(bytes);
  assert.deepEqual(
    undetectedBits(bytes, 0, bytes.length, (file) => decodeSlotFile(file, major)),
    [],
  );
}

interface ControlRow {
  readonly system: string;
  readonly control: number;
  readonly catalog: number;
  readonly checkpoint: string;
  readonly redo: string;
  readonly timeline: number;
  readonly next_xid: string;
  readonly oldest_active: string;
  readonly min_end: string;
  readonly backup_start: string;
  readonly end_required: boolean;
  readonly segment: number;
  readonly page: number;
  readonly prepared: number;
}

async function controlTest(server: PostgresServer, major: DataFolderMajor): Promise<void> {
  await server.query('checkpoint');
  const control = controlFileOf(server);
  const [row] = await server.query<ControlRow>(
    `select system_identifier::text as system, pg_control_version as control, catalog_version_no as catalog,
            checkpoint_lsn as checkpoint, redo_lsn as redo, timeline_id as timeline, next_xid, oldest_active_xid::text as oldest_active,
            min_recovery_end_lsn as min_end, backup_start_lsn as backup_start, end_of_backup_record_required as end_required,
            bytes_per_wal_segment as segment, wal_block_size as page, current_setting('max_prepared_transactions')::int as prepared
       from pg_control_system(), pg_control_checkpoint(), pg_control_recovery(), pg_control_init()`,
  );
  assert.ok(row);
  assert.equal(control.major, major);
  assert.equal(control.state, 'in_production');
  assert.equal(control.systemIdentifier, row.system);
  assert.deepEqual([control.controlVersion, control.catalogVersion], [row.control, row.catalog]);
  assert.deepEqual([control.checkpointLsn, control.redoLsn], [parseLsn(row.checkpoint), parseLsn(row.redo)]);
  assert.equal(control.timeline, row.timeline);
  assert.equal(`${control.nextXid >> 32n}:${control.nextXid & 0xffff_ffffn}`, row.next_xid);
  assert.equal(String(control.oldestActiveXid ?? 0), row.oldest_active);
  assert.deepEqual([row.min_end, row.backup_start], ['0/0', '0/0']);
  assert.deepEqual(
    [control.minRecoveryPoint, control.backupStartPoint, control.backupEndPoint],
    [undefined, undefined, undefined],
  );
  assert.equal(control.backupEndRequired, row.end_required);
  assert.deepEqual([control.walSegmentSize, control.walPageSize], [row.segment, row.page]);
  assert.equal(control.walLevel, 'logical');
  assert.equal(control.maxPreparedTransactions, row.prepared);
  const bytes = readFileSync(join(server.dataFolder, 'global', 'pg_control'));
  const { checksum } = serverLayouts[major].control;
  assert.deepEqual(undetectedBits(bytes, 0, checksum + 4, decodeControlFile), []);
}

async function walTest(server: PostgresServer): Promise<void> {
  await server.query('select pg_switch_wal()');
  await server.query('insert into rows values (1)');
  const control = controlFileOf(server);
  const { walSegmentSize: segmentSize, timeline } = control;
  const [row] = await server.query<{ lsn: string; name: string }>(
    'select lsn, pg_walfile_name(lsn) as name from pg_current_wal_lsn() as lsn',
  );
  assert.ok(row);
  const current = segmentNumber(parseLsn(row.lsn), segmentSize);
  assert.equal(walFileName({ timeline, number: current }, segmentSize), row.name);
  const folder = join(server.dataFolder, 'pg_wal');
  const segments = readdirSync(folder).flatMap((name) => parseWalFileName(name, segmentSize) ?? []);
  assert.ok(segments.some(({ number }) => number < current));
  for (const { number } of segments) {
    const bytes = readFileSync(join(folder, walFileName({ timeline, number }, segmentSize)));
    assert.equal(bytes.length, segmentSize);
    const address = number * BigInt(segmentSize);
    const judge = (expected: bigint) => () =>
      decodeWalPage(bytes, { shape: shapeOf(control), address: expected, timeline });
    if (number <= current) {
      assert.equal(faultOf(judge(address)), undefined);
      assert.equal(faultOf(judge(address + BigInt(segmentSize))), 'address');
    } else {
      // Made in advance: zeros, or what an earlier segment held.
      assert.ok(['magic', 'address'].includes(faultOf(judge(address)) ?? ''));
    }
  }
}

async function runningTest(server: PostgresServer, major: DataFolderMajor): Promise<void> {
  await server.query("select pg_create_logical_replication_slot('quiet', 'test_decoding')");
  const made = await runningAtRestart(server, 'quiet');
  assert.deepEqual([made.said.kind, made.hasSnapshot], ['none', false]);
  await consume(server, 'quiet');
  const moved = await runningAtRestart(server, 'quiet');
  assert.deepEqual([moved.said.kind, moved.hasSnapshot], ['none', true]);
  await whileOpen(server, async (xid) => {
    await consume(server, 'quiet');
    await whileOpen(server, async (second) => {
      const from = await insertLsn(server);
      await server.query('checkpoint');
      const { running } = nextRunning(walOf(server), from);
      assert.deepEqual(new Set(running.xids), new Set([xid, second]));
    });
  });
  await server.query("begin; savepoint one; insert into rows values (1); prepare transaction 'only'");
  await consume(server, 'quiet');
  // From here on the slot needs what a later transaction writes, and that one began while the prepared one was running.
  await whileOpen(server, async () => {
    await server.query("commit prepared 'only'");
    await consume(server, 'quiet');
  });
  const prepared = await runningAtRestart(server, 'quiet');
  assert.ok(prepared.said.kind === 'some');
  assert.deepEqual([prepared.said.at.transactions, prepared.said.at.subtransactions], [1, 1]);
  assert.equal(prepared.hasSnapshot, true);
  const folder = join(server.dataFolder, 'pg_logical', 'snapshots');
  const snapshots = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  assert.ok(snapshots.length > 0);
  for (const bytes of snapshots) {
    assert.deepEqual(
      undetectedBits(bytes, 0, bytes.length, (file) => checkDecodingSnapshot(file, major)),
      [],
    );
    checkDecodingSnapshot(bytes, major);
  }
}

/** With many subtransactions the record is longer than half a page, so that it soon goes over the border of one. */
async function longRecordTest(server: PostgresServer): Promise<void> {
  const PREPARED = 19;
  const SUBTRANSACTIONS = 55;
  const savepoints = Array.from(
    { length: SUBTRANSACTIONS },
    (_, index) => `savepoint s${index}; insert into rows values (1);`,
  ).join(' ');
  for (let index = 0; index < PREPARED; index += 1) {
    await server.query(`begin; ${savepoints} prepare transaction 'p${index}'`);
  }
  let borders = 0;
  for (let round = 0; round < 20 && borders < 3; round += 1) {
    const from = await insertLsn(server);
    await server.query('checkpoint');
    const { record, running } = nextRunning(walOf(server), from);
    assert.deepEqual([running.transactions, running.subtransactions], [PREPARED, PREPARED * SUBTRANSACTIONS]);
    assert.equal(new Set(running.xids).size, PREPARED * (SUBTRANSACTIONS + 1));
    assert.equal(Math.min(...running.xids), running.oldestRunningXid);
    borders += Number(record.lsn / 8192n !== (record.endLsn - 1n) / 8192n);
  }
  assert.equal(borders, 3);
  for (let index = 0; index < PREPARED; index += 1) {
    await server.query(`rollback prepared 'p${index}'`);
  }
}

/** A slot that was made while a transaction was open is consistent when that has ended. */
async function madeWhileOpenTest(server: PostgresServer): Promise<void> {
  let making: Promise<unknown> = Promise.resolve();
  await whileOpen(server, async () => {
    making = server.query("select pg_create_logical_replication_slot('waited', 'test_decoding')");
    await server.waitFor(
      "select from pg_stat_activity where query like '%waited%' and wait_event = 'transactionid'",
      (rows) => rows.length === 1,
    );
  });
  await making;
  const [row] = await server.query<{ restart: string; confirmed: string }>(
    "select restart_lsn as restart, confirmed_flush_lsn as confirmed from pg_replication_slots where slot_name = 'waited'",
  );
  assert.ok(row);
  const [from, until] = [parseLsn(row.restart), parseLsn(row.confirmed)];
  const { said, hasSnapshot } = await runningAtRestart(server, 'waited');
  assert.deepEqual([said.kind, hasSnapshot], ['some', false]);
  const point = consistentPoint(walOf(server), { from, until });
  assert.ok(point.kind === 'found' && point.lsn > from);
  assert.equal(consistentPoint(walOf(server), { from, until: from }).kind, 'later');
  await server.query("select pg_drop_replication_slot('waited')");
}

/** While others write, a slot becomes consistent only when the transactions of the time have ended, and their records get in between. */
async function consistentTest(server: PostgresServer): Promise<void> {
  const writing = new AbortController();
  const writers = [1, 2, 3].map(() => writeUntil(server, writing.signal));
  try {
    for (let number = 0; number < 10; number += 1) {
      await server.query(`select pg_create_logical_replication_slot('made', 'test_decoding')`);
      const [row] = await server.query<{ restart: string; confirmed: string }>(
        "select restart_lsn as restart, confirmed_flush_lsn as confirmed from pg_replication_slots where slot_name = 'made'",
      );
      assert.ok(row);
      const [from, until] = [parseLsn(row.restart), parseLsn(row.confirmed)];
      const point = consistentPoint(walOf(server), { from, until });
      assert.ok(point.kind === 'found', JSON.stringify(row));
      const reading = readWalRecord(walOf(server), point.lsn);
      assert.equal(reading.kind === 'record' && reading.record.endLsn, until);
      if (number % 5 === 0) {
        await server.query('select pg_switch_wal()');
      }
      await server.query(`select pg_drop_replication_slot('made')`);
    }
  } finally {
    writing.abort();
    await Promise.all(writers);
  }
}

async function writeUntil(server: PostgresServer, signal: AbortSignal): Promise<void> {
  const client = new pg.Client(server.connectionOptions());
  await client.connect();
  try {
    while (!signal.aborted) {
      await client.query('insert into rows select generate_series(1, 50)');
    }
  } finally {
    await client.end();
  }
}

async function lostTest(server: PostgresServer, major: DataFolderMajor): Promise<void> {
  await server.setConfig({ max_slot_wal_keep_size: '1MB', wal_keep_size: '0' });
  for (let round = 0; round < 4; round += 1) {
    await server.query('insert into rows values (1)');
    await server.query('select pg_switch_wal()');
  }
  await server.query('checkpoint');
  const slots = await compareSlots(server, major);
  assert.ok(slots.some(({ invalidated, invalidatedAt }) => invalidated === 1 || invalidatedAt !== undefined));
}

for (const major of dataFolderMajors) {
  describe(`the files of a server of ${major}`, { timeout: 120_000 }, () => {
    test('say what the server does', async (context) => {
      await using server = await startPrimary({ major });
      await server.query('create table rows (id int)');
      await context.test('state files of slots', () => slotsTest(server, major));
      await context.test('the control file', () => controlTest(server, major));
      await context.test('WAL', () => walTest(server));
      await context.test('running transactions, and decoding snapshots', () => runningTest(server, major));
      await context.test('running transactions over the border of pages', () => longRecordTest(server));
      await context.test('where decoding becomes consistent', async () => {
        await madeWhileOpenTest(server);
        await consistentTest(server);
      });
      await context.test('slots that are lost', () => lostTest(server, major));
      await context.test('the control file after a stop', async () => {
        await server.stop();
        assert.equal(controlFileOf(server).state, 'shut_down');
      });
    });
  });
}
