import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Lsn, lsn, parseLsn, parseSlotName, type SlotName } from '@slotcast/domain';
import {
  connectPostgres,
  copySlot,
  dropSlot,
  enableTwoPhase,
  moveSlots,
  type PostgresConnection,
  type SlotMove,
  type SlotMoveOutcome,
} from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary } from '@slotcast/testkit';
import { optionsFor, ROLE } from '../connection/open-connections.ts';

const PLUGINS = ['pgoutput', 'test_decoding'];
const TABLE_MB = 20;

interface PositionRow {
  readonly slot_name: string;
  readonly confirmed_flush_lsn: string;
  readonly restart_lsn: string;
  readonly two_phase: boolean;
}

function openWalsender(server: PostgresServer): Promise<PostgresConnection> {
  return connectPostgres({ ...optionsFor(server), replication: true });
}

function read(server: PostgresServer): Promise<readonly PositionRow[]> {
  return server.query<PositionRow>(
    `select slot_name::text, confirmed_flush_lsn::text, restart_lsn::text, two_phase
       from pg_replication_slots where slot_type = 'logical' order by 1`,
  );
}

async function flushed(primary: PostgresServer): Promise<Lsn> {
  await primary.query("select pg_logical_emit_message(true, 'test', 'flushes')");
  const [row] = await primary.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
  return parseLsn(row?.lsn ?? '');
}

for (const major of [16, 17, 18] satisfies PostgresMajor[]) {
  describe(`moves without decoding on PostgreSQL ${major}`, { timeout: 180_000 }, () => {
    let primary: PostgresServer;
    let standby: PostgresServer;
    let session: PostgresConnection;
    let moves: (target: Lsn) => SlotMove[];

    before(async () => {
      primary = await startPrimary({ major, settings: { max_prepared_transactions: '5' } });
      await primary.createRole(ROLE);
      await primary.query('create table filled (id int, filler text)');
      standby = await primary.addStandby({ name: 'standby' });
      const names = PLUGINS.flatMap((plugin) =>
        [false, true].map((twoPhase) => ({ name: parseSlotName(`${plugin}_${twoPhase}`), plugin, twoPhase })),
      );
      for (const { name, plugin, twoPhase } of names) {
        const made = standby.query('select pg_create_logical_replication_slot($1, $2, false, $3)', [
          name,
          plugin,
          twoPhase,
        ]);
        await standby.waitFor(
          `select from pg_replication_slots where slot_name = '${name}' and restart_lsn is not null`,
          (rows) => rows.length === 1,
        );
        await primary.query('select pg_log_standby_snapshot()');
        await flushed(primary);
        await made;
      }
      moves = (target) => names.map(({ name, plugin }) => ({ name, plugin, target }));
      session = await openWalsender(standby);
    });

    after(async () => {
      await session?.close();
      await primary?.[Symbol.asyncDispose]();
    });

    async function replayedTo(target: Lsn): Promise<void> {
      await standby.waitFor<{ lsn: string }>(
        'select pg_last_wal_replay_lsn()::text as lsn',
        ([row]) => parseLsn(row?.lsn ?? '0/0') >= target,
      );
    }

    async function moveAll(target: Lsn): Promise<readonly SlotMoveOutcome[]> {
      await replayedTo(target);
      return moveSlots(session, moves(target), { upTo: target });
    }

    test('move every slot, whatever lies between, and nothing but its confirmed position', async () => {
      const before = await read(standby);
      for (let round = 0; round < 3; round += 1) {
        await primary.query(
          `insert into filled select n, repeat('x', 1000) from generate_series(1, ${(TABLE_MB * 1024) / 3}) as n`,
        );
        const target = await flushed(primary);
        const outcomes = await moveAll(target);
        assert.deepEqual(
          outcomes,
          moves(target).map(({ name }) => ({ kind: 'moved', name, position: target })),
        );
        const now = await read(standby);
        assert.ok(now.every((row) => parseLsn(row.confirmed_flush_lsn) === target));
        assert.deepEqual(
          now.map((row) => [row.slot_name, row.restart_lsn, row.two_phase]),
          before.map((row) => [row.slot_name, row.restart_lsn, row.two_phase]),
        );
      }
    });

    test('are not begun beyond what counts', async () => {
      const target = await flushed(primary);
      const upTo = lsn(target - 1n);
      await assert.rejects(moveSlots(session, moves(target), { upTo }), RangeError);
      assert.ok((await read(standby)).every((row) => parseLsn(row.confirmed_flush_lsn) < target));
    });

    test('do not go backwards', async () => {
      const target = await flushed(primary);
      await moveAll(target);
      const outcomes = await moveSlots(session, moves(lsn(target - 100n)), { upTo: target });
      assert.ok(outcomes.every((outcome) => outcome.kind === 'moved' && outcome.position === target));
    });

    test('leave a slot that is refused to itself', async () => {
      const target = await flushed(primary);
      await replayedTo(target);
      const missing: SlotMove = { name: parseSlotName('missing'), plugin: 'pgoutput', target };
      // pgoutput does not start without its options.
      const [first, second, ...rest] = moves(target);
      assert.ok(first !== undefined && second !== undefined);
      const misled = { ...second, plugin: 'test_decoding' };
      const outcomes = await moveSlots(session, [missing, first, misled, ...rest], { upTo: target });
      const codes = outcomes.map((outcome) => (outcome.kind === 'refused' ? outcome.error.code : 'moved'));
      assert.deepEqual(codes, ['42704', 'moved', major === 16 ? '0A000' : '22023', 'moved', 'moved']);
    });

    test('a copy of pgoutput becomes two_phase where it stands, for good', async () => {
      const raised = parseSlotName('raised');
      const connection = await connectPostgres(optionsFor(standby));
      try {
        const copy = { source: 'pgoutput_false', target: raised, plugin: 'pgoutput' };
        const { confirmedFlushLsn } = await copySlot(connection, copy);
        // Something lies between, which must not be passed.
        await replayedTo(await flushed(primary));
        const row = async (): Promise<PositionRow | undefined> =>
          (await read(standby)).find(({ slot_name }) => slot_name === raised);
        const before = await row();
        await enableTwoPhase(session, raised, {});
        assert.deepEqual(await row(), { ...before, two_phase: true });
        assert.equal(parseLsn(before?.confirmed_flush_lsn ?? ''), confirmedFlushLsn);
        if (major === 18) {
          const [at] = await standby.query<{ at: string }>(
            `select two_phase_at::text as at from pg_replication_slots where slot_name = 'raised'`,
          );
          assert.equal(at?.at, before?.confirmed_flush_lsn);
        }
        // It is at the same place when it is asked for again.
        await enableTwoPhase(session, raised, {});
        assert.deepEqual(await row(), { ...before, two_phase: true });
        await assert.rejects(enableTwoPhase(session, parseSlotName('missing'), {}), { code: '42704' });
        await dropSlot(connection, raised);
      } finally {
        await connection.close();
      }
    });

    test('are refused from another database', async () => {
      await primary.query('create database other');
      const target = await flushed(primary);
      await replayedTo(target);
      const other = await connectPostgres({ ...optionsFor(standby), database: 'other', replication: true });
      try {
        const outcomes = await moveSlots(other, moves(target), { upTo: target });
        assert.ok(outcomes.every((outcome) => outcome.kind === 'refused' && outcome.error.code === '55000'));
      } finally {
        await other.close();
      }
    });

    test('reject when the session ends', async () => {
      const lost = await openWalsender(standby);
      const target = await flushed(primary);
      await standby.query('select pg_terminate_backend($1)', [lost.processId]);
      await lost.closed;
      await assert.rejects(moveSlots(lost, moves(target), { upTo: target }));
    });

    test('go on after the promotion, on the same session', async () => {
      await standby.query('select pg_promote()');
      await standby.waitFor<{ standby: boolean }>(
        'select pg_is_in_recovery() as standby',
        ([row]) => row?.standby === false,
      );
      const target = await flushed(standby);
      const outcomes = await moveSlots(session, moves(target), { upTo: target });
      assert.deepEqual(names(outcomes, 'moved'), names(moves(target)));
    });
  });
}

function names(of: readonly { readonly name: SlotName; readonly kind?: string }[], kind?: string): string[] {
  return of.filter((entry) => kind === undefined || entry.kind === kind).map((entry) => entry.name);
}
