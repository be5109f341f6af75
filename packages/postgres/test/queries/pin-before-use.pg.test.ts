import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  endOfWal,
  findPin,
  judgeMaking,
  type NotedSlots,
  noteWorkingSlots,
  type PinFacts,
  reasonText,
  type SlotEvent,
  type SlotState,
  timeline,
  type WorkingSlot,
} from '@slotcast/domain';
import {
  connectPostgres,
  copySlot,
  createTemporarySlot,
  observePrimary,
  observeStandby,
} from '@slotcast/postgres';
import { type PostgresServer, startPrimary, waitUntil } from '@slotcast/testkit';
import { optionsFor, ROLE, withConnection } from '../connection/open-connections.ts';

const TABLES = 12;
const NEVER = '1h';

/** A primary with tables, and a standby whose feedback is sent this often. */
async function withStandby(
  major: 16 | 17 | 18,
  feedbackInterval: string,
  work: (primary: PostgresServer, standby: PostgresServer) => Promise<void>,
): Promise<void> {
  await using primary = await startPrimary({ major, settings: { autovacuum: 'off' } });
  await primary.createRole(ROLE);
  const settings = { wal_receiver_status_interval: feedbackInterval };
  const standby = await primary.addStandby({ name: 'bravo', settings });
  for (let index = 0; index < TABLES; index += 1) {
    await primary.query(`create table t${index} (id int)`);
  }
  await primary.waitForReplay(standby);
  await work(primary, standby);
}

/** Changes of catalogs with rows before and after them, and vacuum of what they leave behind. */
async function changeCatalogs(primary: PostgresServer): Promise<void> {
  for (let index = 0; index < TABLES; index += 1) {
    await primary.query(`insert into t${index} values (1)`);
    await primary.query(`alter table t${index} add column c int default 7`);
    await primary.query(`truncate t${index}`);
    await primary.query(`insert into t${index} values (2, 2)`);
    await primary.query(`create table other${index} (id int)`);
    await primary.query(index % 2 === 0 ? `drop table t${index}` : `drop table other${index}`);
  }
  for (const catalog of ['pg_class', 'pg_attribute', 'pg_type', 'pg_depend', 'pg_attrdef']) {
    await primary.query(`vacuum ${catalog}`);
  }
}

/** Makes a temporary slot, for which the primary has to log its running transactions. */
async function temporarySlot(primary: PostgresServer, standby: PostgresServer, name: string) {
  const connection = await connectPostgres(optionsFor(standby));
  let isMade = false;
  const made = createTemporarySlot(connection, { name, plugin: 'test_decoding' }).finally(() => {
    isMade = true;
  });
  await waitUntil(
    async () => {
      await primary.query("select pg_log_standby_snapshot(), pg_logical_emit_message(true, 'test', 'flush')");
      return isMade;
    },
    { intervalMs: 20, describe: `the temporary slot ${name}` },
  );
  await made;
  return connection;
}

/** Changes of rows that the slot has after the standby was promoted; rejects when they cannot be decoded. */
async function decodeAfterPromotion(primary: PostgresServer, standby: PostgresServer): Promise<number> {
  await primary.waitForReplay(standby);
  await primary.kill();
  await standby.promote();
  const [row] = await standby.query<{ changes: number }>(
    `select count(*)::int as changes from pg_logical_slot_get_changes('app', null, null) where data like 'table %INSERT%'`,
  );
  return row?.changes ?? 0;
}

/** What a publisher beside the primary would tell of the physical slot of this standby. */
async function pinOnPrimary(primary: PostgresServer): Promise<PinFacts> {
  const seen = await withConnection(optionsFor(primary), (connection) => observePrimary(connection));
  assert.ok(!seen.inRecovery);
  const events = seen.slots.map((state: SlotState): [SlotState['name'], SlotEvent] => [
    state.name,
    {
      kind: 'slot',
      op: 'update',
      slot: state.name,
      state,
      lsn: seen.flushLsn,
      incarnation: { epoch: 1, seq: 1 },
      timeline: timeline(1),
      epoch: 1,
      seq: 1,
      node: 'alpha',
      time: 0,
    },
  ]);
  const physical = seen.slots.find(({ type }) => type === 'physical');
  return findPin(
    { node: 'bravo', hotStandbyFeedback: true, primarySlotName: physical?.name },
    { slots: new Map(events), nodes: new Map(), primary: 'alpha', silent: new Set() },
  );
}

/** Looks until slots that are begun now are known to find their catalog rows. */
async function untilPinned(
  primary: PostgresServer,
  standby: PostgresServer,
  working: readonly WorkingSlot[],
): Promise<void> {
  let noted: NotedSlots = new Map();
  let seenKind = '';
  await waitUntil(
    async () => {
      const view = await withConnection(optionsFor(standby), (connection) => observeStandby(connection));
      assert.ok(view.inRecovery);
      const pin = await pinOnPrimary(primary);
      const seen = {
        working,
        local: view.slots,
        endOfWal: endOfWal(view),
        replayLsn: view.replayLsn,
        pin,
      };
      noted = noteWorkingSlots(noted, seen);
      const making = judgeMaking(noted, seen);
      seenKind = making.kind === 'awaited' ? reasonText(making.reasons) : making.kind;
      await primary.query("select pg_logical_emit_message(true, 'test', 'something to report')");
      return making.kind === 'held';
    },
    { intervalMs: 20, describe: () => `the pin on the primary (${seenKind})` },
  );
}

for (const major of [16, 17, 18] as const) {
  describe(`slots made on a standby of PostgreSQL ${major}`, { timeout: 180_000 }, () => {
    test('before the primary holds back catalog rows are broken by vacuum, copies of them too', async () => {
      await withStandby(major, NEVER, async (primary, standby) => {
        const probe = await temporarySlot(primary, standby, 'probe');
        await withConnection(optionsFor(standby), (connection) =>
          copySlot(connection, { source: 'probe', target: 'app', plugin: 'test_decoding' }),
        );
        await changeCatalogs(primary);
        await assert.rejects(decodeAfterPromotion(primary, standby));
        await probe.close();
      });
    });

    test('after the pin was seen are whole, though the first one goes at once', async () => {
      await withStandby(major, '1s', async (primary, standby) => {
        const anchor = await temporarySlot(primary, standby, 'anchor');
        await untilPinned(primary, standby, [{ name: 'anchor' }]);
        const probe = await temporarySlot(primary, standby, 'probe');
        await anchor.close();
        await withConnection(optionsFor(standby), (connection) =>
          copySlot(connection, { source: 'probe', target: 'app', plugin: 'test_decoding' }),
        );
        await probe.close();
        await changeCatalogs(primary);
        assert.equal(await decodeAfterPromotion(primary, standby), 2 * TABLES);
      });
    });
  });
}
