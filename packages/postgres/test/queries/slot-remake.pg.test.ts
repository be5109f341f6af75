import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatLsn, type LocalSlot, type Lsn, lsn, parseSlotName, type SlotName } from '@slotcast/domain';
import {
  advanceSlot,
  connectPostgres,
  copySlot,
  createTemporarySlot,
  dropSlot,
  flushWal,
  logStandbySnapshot,
  moveSlots,
  observeStandby,
  type PostgresConnection,
  type RemakeOutcome,
  remakeSlot,
} from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary } from '@slotcast/testkit';
import { optionsFor, ROLE, withConnection } from '../connection/open-connections.ts';

const TIMEOUT_MS = 180_000;
/** Slots that are made anew while somebody interferes with the session. */
const ATTEMPTS = 20;
const PLUGIN = 'test_decoding';
const app = parseSlotName('app');
const leader = parseSlotName('slotcast_leader_1');
const probe = parseSlotName('slotcast_tmp_1');

for (const major of [16, 17, 18] satisfies PostgresMajor[]) {
  describe(`on a standby of PostgreSQL ${major}`, { timeout: 480_000 }, () => {
    let primary: PostgresServer;
    let standby: PostgresServer;
    let onPrimary: PostgresConnection;
    let onStandby: PostgresConnection;
    let walsender: PostgresConnection;
    let killer: PostgresConnection;

    before(async () => {
      primary = await startPrimary({ major });
      await primary.createRole(ROLE);
      await primary.query('create table numbered (id serial, note text)');
      standby = await primary.addStandby({ name: 'standby' });
      onPrimary = await connectPostgres(optionsFor(primary));
      onStandby = await connectPostgres(optionsFor(standby));
      killer = await connectPostgres(optionsFor(standby));
      walsender = await connectPostgres(optionsFor(standby, { replication: true }));
      await withConnection(optionsFor(standby), async (connection) => {
        const creation = createTemporarySlot(connection, { name: probe, plugin: PLUGIN });
        await standby.waitFor(
          `select from pg_replication_slots where slot_name = '${probe}' and confirmed_flush_lsn is null`,
          (rows) => rows.length === 1,
        );
        await nudge();
        await creation;
        await copySlot(connection, { source: probe, target: app, plugin: PLUGIN });
      });
    });

    after(async () => {
      await Promise.all([walsender?.close(), killer?.close()]);
      await onStandby?.close();
      await onPrimary?.close();
      await primary?.[Symbol.asyncDispose]();
    });

    async function nudge(): Promise<Lsn> {
      await logStandbySnapshot(onPrimary);
      return flushWal(onPrimary);
    }

    async function find(name: SlotName): Promise<LocalSlot | undefined> {
      const seen = await observeStandby(onStandby);
      assert.ok(seen.inRecovery);
      return seen.slots.find((each) => each.name === name);
    }

    async function slot(name: SlotName): Promise<LocalSlot & { confirmedFlushLsn: Lsn; restartLsn: Lsn }> {
      const found = await find(name);
      assert.ok(found?.confirmedFlushLsn !== undefined && found.restartLsn !== undefined, name);
      return { ...found, confirmedFlushLsn: found.confirmedFlushLsn, restartLsn: found.restartLsn };
    }

    /** Moves the slot without decoding, past records that would let it need less WAL, and makes a leader that has passed them. */
    async function lead(): Promise<Lsn> {
      await primary.query(`insert into numbered (note) select 'led' from generate_series(1, 10)`);
      await nudge();
      const target = await nudge();
      await primary.query(`insert into numbered (note) values ('beyond')`);
      const upTo = await nudge();
      await primary.waitForReplay(standby);
      await copySlot(onStandby, { source: app, target: leader, plugin: PLUGIN });
      await advanceSlot(onStandby, { name: leader, target });
      const [moved] = await moveSlots(walsender, [{ name: app, plugin: PLUGIN, target: upTo }], { upTo });
      assert.equal(moved?.kind, 'moved');
      return target;
    }

    function remake(more: Partial<Parameters<typeof remakeSlot>[1]> = {}): Promise<RemakeOutcome> {
      const wanted = { slot: app, leader, plugin: PLUGIN, confirmed: lsn(2n ** 62n), ...more };
      return remakeSlot(onStandby, wanted, TIMEOUT_MS);
    }

    async function assertRefused(reason: RegExp, more: Partial<Parameters<typeof remakeSlot>[1]> = {}) {
      const before = await find(more.slot ?? app);
      const outcome = await remake(more);
      assert.ok(outcome.kind === 'refused', `refuses: ${reason}`);
      assert.match(outcome.reason, reason);
      assert.deepEqual(await find(more.slot ?? app), before);
    }

    test('a slot is made anew from a leading one: it needs less WAL, and stands where the leader does', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const target = await lead();
      const before = await slot(app);
      assert.deepEqual(await remake(), { kind: 'remade', position: target });
      const [now, source] = [await slot(app), await slot(leader)];
      assert.equal(now.confirmedFlushLsn, target);
      assert.equal(now.restartLsn, source.restartLsn);
      assert.ok(now.restartLsn > before.restartLsn);
      const upTo = before.confirmedFlushLsn;
      const [moved] = await moveSlots(walsender, [{ name: app, plugin: PLUGIN, target: upTo }], { upTo });
      assert.deepEqual(moved, { kind: 'moved', name: app, position: upTo });
      await dropSlot(onStandby, leader);
    });

    test('nothing is touched when the copy could not follow or would be wrong', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await assertRefused(/leading slot is gone/);
      const target = await lead();
      await assertRefused(/leading slot is beyond it/, { confirmed: lsn(target - 1n) });
      await assertRefused(/no such slot/, { slot: parseSlotName('nobody') });
      await assertRefused(/another plugin/, { plugin: 'pgoutput' });
      await standby.query(`select pg_create_physical_replication_slot('physical')`);
      await assertRefused(/none of the slots/, { slot: parseSlotName('physical') });
      await assertRefused(/leading slot is another one/, { leader: parseSlotName('physical') });
      await standby.query(`select pg_drop_replication_slot('physical')`);
      await assertRefused(/as much WAL/, { slot: app, leader: app });
      // A leader that somebody led beyond the slot.
      const beyond = await nudge();
      await primary.waitForReplay(standby);
      await advanceSlot(onStandby, { name: leader, target: beyond });
      await assertRefused(/leading slot is beyond it/);
      await dropSlot(onStandby, leader);
    });

    /** Makes the slot anew again and again from a session that is ended meanwhile; each time it is there, before or after. */
    async function interfere(how: (victim: PostgresConnection) => Promise<void>): Promise<void> {
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        await lead();
        const victim = await connectPostgres(optionsFor(standby));
        const wanted = { slot: app, leader, plugin: PLUGIN, confirmed: lsn(2n ** 62n) };
        // The first statement of a session takes longer than the steps.
        await remakeSlot(victim, { ...wanted, leader: app }, TIMEOUT_MS);
        await Promise.allSettled([
          remakeSlot(victim, wanted, TIMEOUT_MS),
          sleep(attempt % 4).then(() => how(victim)),
        ]);
        await victim.close();
        await standby.waitFor(
          `select from pg_stat_activity where pid = ${victim.processId}`,
          (rows) => rows.length === 0,
        );
        assert.ok((await find(app))?.confirmedFlushLsn !== undefined, `the slot is missing: ${attempt}`);
        await dropSlot(onStandby, leader);
      }
    }

    test('a statement that is cancelled leaves the slot there', { timeout: TIMEOUT_MS }, async () => {
      await interfere(async (victim) => {
        await killer.run({ text: 'select pg_cancel_backend($1)', values: [victim.processId] });
      });
    });

    test('so does one whose session is terminated', { timeout: TIMEOUT_MS }, async () => {
      await interfere(async (victim) => {
        await killer.run({ text: 'select pg_terminate_backend($1)', values: [victim.processId] });
      });
    });

    test('and one whose client goes away', { timeout: TIMEOUT_MS }, async () => {
      await interfere((victim) => victim.close());
    });

    test('one that the slot is used by meanwhile is refused, and touches nothing', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await lead();
      const reader = await connectPostgres(optionsFor(standby, { replication: true }));
      const { confirmedFlushLsn } = await slot(app);
      const text = `START_REPLICATION SLOT "${app}" LOGICAL ${formatLsn(confirmedFlushLsn)}`;
      const stream = reader.run({ text }).catch(() => undefined);
      await standby.waitFor(
        `select from pg_replication_slots where slot_name = '${app}' and active`,
        (rows) => rows.length === 1,
      );
      const outcome = await remake();
      assert.ok(outcome.kind === 'refused');
      assert.match(outcome.reason, /another session uses it/);
      assert.equal((await find(app))?.active, true);
      await reader.close();
      await stream;
      await dropSlot(onStandby, leader);
    });

    test('on a server that was promoted nothing is made anew', { timeout: TIMEOUT_MS }, async () => {
      await lead();
      await standby.promote();
      const outcome = await remake();
      assert.ok(outcome.kind === 'refused');
      assert.match(outcome.reason, /no standby any more/);
    });
  });
}
