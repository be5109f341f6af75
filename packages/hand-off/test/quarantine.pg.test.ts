import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isLogical, isPlaceholder, parseSlotName, type Quarantine } from '@slotcast/domain';
import { quarantineSlot, type SlotMover } from '@slotcast/hand-off';
import { systemClock } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';
import {
  connectPostgres,
  copySlot,
  DatabaseSessions,
  dropPlaceholder,
  flushWal,
  observePrimary,
  type PostgresConnection,
  SlotMovedError,
  subscribe,
} from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary } from '@slotcast/testkit';
import { EVERYTHING, moverAlone, planOf } from './plans.ts';
import { optionsFor, ROLE } from './promoted-servers.ts';

const TIMEOUT_MS = 180_000;
const { signal } = new AbortController();
const postgres = { name: 'postgres', oid: undefined };

for (const major of [16, 18] satisfies PostgresMajor[]) {
  describe(`a quarantine on PostgreSQL ${major}`, { timeout: 180_000 }, () => {
    let server: PostgresServer;
    let connection: PostgresConnection;
    let sessions: DatabaseSessions;
    let mover: SlotMover;

    before(async () => {
      // What is quarantined takes two places, and nothing is tidied up.
      server = await startPrimary({ major, settings: { max_replication_slots: '60' } });
      await server.createRole(ROLE);
      await server.query('create publication everything for all tables');
      connection = await connectPostgres(optionsFor(server));
      sessions = new DatabaseSessions(optionsFor(server), () => undefined, signal);
      const logger = createLogger({ level: 'silent', fields: {} });
      mover = moverAlone({ sessions, clock: systemClock, logger, signal });
    });

    after(async () => {
      await sessions?.close();
      await connection?.close();
      await server?.[Symbol.asyncDispose]();
    });

    async function create(name: string): Promise<void> {
      await server.query('select pg_create_logical_replication_slot($1, $2)', [name, 'pgoutput']);
    }

    async function slotNamed(name: string) {
      const seen = await observePrimary(connection);
      assert.ok(!seen.inRecovery);
      return seen.slots.filter(isLogical).find((slot) => slot.name === name);
    }

    async function seenAt(name: string) {
      const slot = await slotNamed(name);
      assert.ok(slot !== undefined);
      return slot;
    }

    async function quarantineOf(name: string): Promise<Quarantine> {
      const copy = parseSlotName(`${name}_diverged`);
      const seen = await seenAt(name);
      return { slot: seen.name, copy, database: postgres, plugin: 'pgoutput', reason: 'tested', seen };
    }

    /** Runs `work` while a subscriber uses the slot. */
    async function whileInUse(slot: string, work: () => Promise<void>): Promise<void> {
      const stop = new AbortController();
      const running = subscribe({
        connection: optionsFor(server),
        slot,
        publication: 'everything',
        onRow: () => undefined,
        signal: stop.signal,
      });
      try {
        await server.waitFor(
          `select from pg_replication_slots where slot_name = '${slot}' and active`,
          (rows) => rows.length === 1,
        );
        await work();
      } finally {
        stop.abort();
        await running;
      }
    }

    async function movedOn(): Promise<string> {
      await flushWal(connection);
      return await server.currentLsn();
    }

    /** A slot that was quarantined: nobody can use, or make, a slot of that name. */
    async function assertOutOfReach(name: string): Promise<void> {
      const seen = await observePrimary(connection);
      assert.ok(!seen.inRecovery);
      assert.ok(isPlaceholder(seen.slots.find((slot) => slot.name === name)), name);
      await assert.rejects(create(name), /already exists/);
    }

    test('a quarantined slot is kept under its other name, where it stood, and nobody can make it anew', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await create('app');
      const before = await slotNamed('app');
      assert.deepEqual(
        await mover.run(planOf({ quarantines: [await quarantineOf('app')] }), EVERYTHING),
        new Map(),
      );
      await assertOutOfReach('app');
      const copy = await slotNamed('app_diverged');
      assert.deepEqual(copy?.confirmedFlushLsn, before?.confirmedFlushLsn);
      assert.deepEqual(copy?.restartLsn, before?.restartLsn);
    });

    test('a quarantine that broke off after the copy is finished, and the copy stays as it is', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await create('broken');
      const names = { source: 'broken', target: 'broken_diverged', plugin: 'pgoutput', onPromoted: true };
      const { confirmedFlushLsn } = await copySlot(connection, names);
      await server.query(`select pg_replication_slot_advance('broken', '${await movedOn()}')`);
      const plan = planOf({ quarantines: [await quarantineOf('broken')] });
      assert.deepEqual(await mover.run(plan, EVERYTHING), new Map());
      await assertOutOfReach('broken');
      assert.equal((await slotNamed('broken_diverged'))?.confirmedFlushLsn, confirmedFlushLsn);
      assert.deepEqual(
        await mover.run(plan, EVERYTHING),
        new Map([['broken', { again: false, isInUse: false }]]),
      );
      await assertOutOfReach('broken');
      assert.equal((await slotNamed('broken_diverged'))?.confirmedFlushLsn, confirmedFlushLsn);
    });

    test('what has the name of the copy and is none is left alone, and the copy gets another name', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const copies = ['later', 'bare'].map((name) => `${name}_diverged`);
      for (const name of ['later', 'bare']) {
        await create(name);
      }
      const before = await seenAt('later');
      const quarantines = [await quarantineOf('later'), await quarantineOf('bare')];
      await movedOn();
      await create('later_diverged');
      await server.query("select pg_create_physical_replication_slot('bare_diverged')");
      assert.deepEqual(await mover.run(planOf({ quarantines }), EVERYTHING), new Map());
      await assertOutOfReach('later');
      await assertOutOfReach('bare');
      const copy = await seenAt('later_diverged_again');
      assert.deepEqual(
        [copy.restartLsn, copy.confirmedFlushLsn],
        [before.restartLsn, before.confirmedFlushLsn],
      );
      assert.notEqual(await slotNamed('bare_diverged_again'), undefined);
      assert.equal(
        (await server.query('select from pg_replication_slots where slot_name = any($1)', [copies])).length,
        2,
      );
    });

    test('a slot in use is not quarantined but reported, and no copy of it is left behind', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await create('used');
      await create('idle');
      await create('left');
      await create('theirs');
      // As left by a process that was killed in between; the other one is a person's.
      for (const source of ['left', 'theirs']) {
        const target = `${source}_diverged`;
        await copySlot(connection, { source, target, plugin: 'pgoutput', onPromoted: true });
      }
      const left = { ...(await quarantineOf('left')), isCopyOurs: true };
      const quarantines = [await quarantineOf('used'), await quarantineOf('idle')];
      await whileInUse('used', async () => {
        const failed = await mover.run(planOf({ quarantines }), EVERYTHING);
        assert.deepEqual(
          [...failed].map(([slot, { again }]) => [slot, again]),
          [['used', true]],
        );
      });
      for (const quarantine of [left, await quarantineOf('theirs')]) {
        await whileInUse(quarantine.slot, async () => {
          await mover.run(planOf({ quarantines: [quarantine] }), EVERYTHING);
        });
      }
      assert.equal(await slotNamed('left_diverged'), undefined);
      assert.notEqual(await slotNamed('theirs_diverged'), undefined);
      assert.notEqual(await slotNamed('used'), undefined);
      assert.equal(await slotNamed('used_diverged'), undefined);
      await assertOutOfReach('idle');
    });

    test('a process that was frozen after it made the copy leaves it: another one has quarantined the slot by it', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await create('thawed');
      const quarantine = await quarantineOf('thawed');
      let frozenMs = 0;
      const clock = { monotonicMs: () => systemClock.monotonicMs() + frozenMs };
      // It thaws when another one has quarantined the slot, a person has freed the name, and the subscriber has made another slot.
      const run: PostgresConnection['run'] = async (statement, limits) => {
        if (statement.text.includes('pg_create_physical_replication_slot') && frozenMs === 0) {
          frozenMs = 60_000;
          await mover.run(planOf({ quarantines: [quarantine] }), EVERYTHING);
          await dropPlaceholder(connection, 'thawed');
          await movedOn();
          await create('thawed');
        }
        return await connection.run(statement, limits);
      };
      const slow = new Proxy(connection, {
        get: (target, key) => (key === 'run' ? run : Reflect.get(target, key, target)),
      });
      const parts = { sessions: { get: async () => slow, main: async () => slow }, clock, signal };
      await assert.rejects(quarantineSlot(quarantine, parts), SlotMovedError);
      assert.notEqual(await slotNamed('thawed_diverged'), undefined);
    });

    test('a slot of which the server keeps no copy is put out of reach all the same', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await create('uncopied');
      // As where the library of its plugin is missing: the copy cannot be made, and no room is missing.
      const quarantines = [{ ...(await quarantineOf('uncopied')), plugin: 'missing_library' }];
      assert.deepEqual(await mover.run(planOf({ quarantines }), EVERYTHING), new Map());
      await assertOutOfReach('uncopied');
      assert.equal(await slotNamed('uncopied_diverged'), undefined);
    });

    test('a name that is free is taken, and one that somebody has taken is told of', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await create('faster');
      const placeholders = ['freed', 'faster'].map((name) => ({ slot: parseSlotName(name) }));
      assert.deepEqual(
        await mover.run(planOf({ placeholders }), EVERYTHING),
        new Map([['faster', { again: true, isInUse: false }]]),
      );
      await assertOutOfReach('freed');
      assert.notEqual(await slotNamed('faster'), undefined);
    });

    test('a placeholder is dropped by its name, and no other slot', { timeout: TIMEOUT_MS }, async () => {
      await mover.run(planOf({ placeholders: [{ slot: parseSlotName('released') }] }), EVERYTHING);
      await create('working');
      await server.query("select pg_create_physical_replication_slot('reserving', true)");
      const found = [];
      for (const name of ['released', 'released', 'working', 'reserving']) {
        found.push(await dropPlaceholder(connection, name));
      }
      assert.deepEqual(found, ['dropped', 'missing', 'other', 'other']);
      await create('released');
      await server.query("select pg_drop_replication_slot('reserving')");
    });

    test('a slot goes without a copy where max_replication_slots leaves no room for one', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await create('crowded');
      await server.query(`
        select pg_create_physical_replication_slot('fills_' || number)
          from generate_series(1, current_setting('max_replication_slots')::int
                                    - (select count(*)::int from pg_replication_slots)) as number`);
      assert.deepEqual(
        await mover.run(planOf({ quarantines: [await quarantineOf('crowded')] }), EVERYTHING),
        new Map(),
      );
      await assertOutOfReach('crowded');
      assert.equal(await slotNamed('crowded_diverged'), undefined);
      await server.query(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name like 'fills%'",
      );
    });
  });
}
