import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  type HandOffPlan,
  isLogical,
  type Lsn,
  parseLsn,
  parseSlotName,
  type Quarantine,
  type SlotDatabase,
  type SlotName,
} from '@slotcast/domain';
import type { SlotMover } from '@slotcast/hand-off';
import { systemClock } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';
import {
  connectPostgres,
  createLogicalSlot,
  DatabaseSessions,
  flushWal,
  observePrimary,
  type PostgresConnection,
  subscribe,
} from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary, takeWalsenders } from '@slotcast/testkit';
import { EVERYTHING, moverAlone, planOf } from './plans.ts';
import { optionsFor, ROLE } from './promoted-servers.ts';

const TIMEOUT_MS = 180_000;
const { signal } = new AbortController();

/** Carries out a plan to its end. */
async function runToEnd(mover: SlotMover, plan: HandOffPlan): Promise<Awaited<ReturnType<SlotMover['run']>>> {
  const failed = await mover.run(plan, EVERYTHING);
  await mover.finish();
  return failed;
}

function named(name: string): SlotDatabase {
  return { name, oid: undefined };
}

const postgres = named('postgres');

function advanceOf(slot: SlotName, target: Lsn): HandOffPlan['advances'][number] {
  return { slot, database: postgres, plugin: 'pgoutput', target, mayWait: false };
}

function propertyOf(name: string): HandOffPlan['failovers'][number] {
  return { slot: parseSlotName(name), database: postgres };
}

for (const major of [16, 18] satisfies PostgresMajor[]) {
  describe(`the steps of a hand-off on PostgreSQL ${major}`, { timeout: 180_000 }, () => {
    let server: PostgresServer;
    let connection: PostgresConnection;
    let sessions: DatabaseSessions;
    let mover: SlotMover;

    before(async () => {
      server = await startPrimary({ major });
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

    async function create(name: string, plugin = 'pgoutput'): Promise<void> {
      await server.query('select pg_create_logical_replication_slot($1, $2)', [name, plugin]);
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

    async function dropOf(name: string): Promise<HandOffPlan['drops'][number]> {
      const seen = await seenAt(name);
      return { slot: seen.name, reason: 'not proven', seen };
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

    test('move a physical slot, and go on where there is none', { timeout: TIMEOUT_MS }, async () => {
      await server.query("select pg_create_physical_replication_slot('reader', true)");
      await server.query("select pg_logical_emit_message(true, 'test', 'something happened')");
      const target = parseLsn(await server.currentLsn());
      const physicalMoves = ['none', 'reader'].map((name) => ({ slot: parseSlotName(name), target }));
      assert.equal((await runToEnd(mover, planOf({ physicalMoves }))).size, 0);
      const seen = await observePrimary(connection, signal);
      assert.ok(!seen.inRecovery);
      assert.equal(seen.slots.find(({ name }) => name === 'reader')?.restartLsn, target);
      await server.query("select pg_drop_replication_slot('reader')");
    });

    test('a slot that was moved since the plan is neither quarantined nor dropped, and has to be planned again', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await create('resumed');
      const plan = planOf({ quarantines: [await quarantineOf('resumed')], drops: [await dropOf('resumed')] });
      await server.query(`select pg_replication_slot_advance('resumed', '${await movedOn()}')`);
      const now = await seenAt('resumed');
      assert.deepEqual(
        await mover.run(plan, EVERYTHING),
        new Map([['resumed', { again: true, isInUse: false }]]),
      );
      assert.deepEqual(await seenAt('resumed'), now);
      assert.equal(await slotNamed('resumed_diverged'), undefined);
    });

    test('slots that are in use, gone or further on hold up none of the others', {
      timeout: TIMEOUT_MS,
    }, async () => {
      for (const name of ['first', 'further', 'taken', 'last']) {
        await create(name);
      }
      const target = parseLsn(await movedOn());
      await server.query(`select pg_replication_slot_advance('further', '${await movedOn()}')`);
      const further = await slotNamed('further');
      const names = ['first', 'gone', 'further', 'taken', 'last'].map(parseSlotName);
      const advances = names.map((slot) => advanceOf(slot, target));
      await whileInUse('taken', async () => {
        await mover.run(planOf({ advances, drops: [await dropOf('taken')] }), EVERYTHING);
      });
      assert.equal((await slotNamed('first'))?.confirmedFlushLsn, target);
      assert.equal((await slotNamed('last'))?.confirmedFlushLsn, target);
      assert.equal((await slotNamed('further'))?.confirmedFlushLsn, further?.confirmedFlushLsn);
      assert.notEqual(await slotNamed('taken'), undefined);
    });

    test('a copy gets two_phase where it stands, and is moved after that; one in use is to be tried again', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await create('prepares');
      await create('used_plain');
      const { confirmedFlushLsn: stood } = await seenAt('prepares');
      const target = parseLsn(await movedOn());
      const twoPhases = ['gone', 'used_plain', 'prepares'].map(propertyOf);
      await whileInUse('used_plain', async () => {
        const failed = await runToEnd(
          mover,
          planOf({ twoPhases, advances: [advanceOf(parseSlotName('prepares'), target)] }),
        );
        assert.deepEqual(failed.get(parseSlotName('used_plain')), { again: true, isInUse: true });
        assert.deepEqual([...failed.keys()].toSorted(), ['gone', 'used_plain']);
      });
      const { twoPhase, twoPhaseAt, confirmedFlushLsn } = await seenAt('prepares');
      assert.deepEqual([twoPhase, confirmedFlushLsn], [true, target]);
      assert.equal(twoPhaseAt, major < 18 ? undefined : stood);
      assert.equal((await seenAt('used_plain')).twoPhase, false);
    });

    test('slots of several databases are advanced, each from its own', { timeout: TIMEOUT_MS }, async () => {
      await server.query('create database shop');
      await create('here', 'test_decoding');
      await server.query(`select pg_create_logical_replication_slot('there', 'pgoutput')`, [], 'shop');
      const target = parseLsn(await movedOn());
      const advances = [
        { ...advanceOf(parseSlotName('here'), target), plugin: 'test_decoding' },
        { ...advanceOf(parseSlotName('there'), target), database: named('shop') },
      ];
      await mover.run(planOf({ advances }), EVERYTHING);
      assert.equal((await slotNamed('here'))?.confirmedFlushLsn, target);
      assert.equal((await slotNamed('there'))?.confirmedFlushLsn, target);
    });

    test('slots that are to be dropped are gone, those of another database and of a renamed one, too', {
      timeout: TIMEOUT_MS,
    }, async () => {
      await create('unsafe');
      await server.query(`select pg_create_logical_replication_slot('unsafe_there', 'pgoutput')`, [], 'shop');
      await sessions.close();
      await server.query('alter database shop rename to store');
      const drops = await Promise.all(['unsafe', 'unsafe_there'].map(dropOf));
      assert.deepEqual(await mover.run(planOf({ drops }), EVERYTHING), new Map());
      assert.equal(await slotNamed('unsafe'), undefined);
      assert.equal(await slotNamed('unsafe_there'), undefined);
    });

    test('a slot in the making comes to nothing, whether or not another can be stopped', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const [writer, maker] = [
        await connectPostgres(optionsFor(server)),
        await connectPostgres(optionsFor(server)),
      ];
      try {
        await writer.run({ text: 'begin' });
        await writer.run({ text: 'select pg_current_xact_id()' });
        const making = createLogicalSlot(maker, { name: 'making', plugin: 'pgoutput', twoPhase: true });
        const ended = assert.rejects(making);
        // By a superuser, whose session the role may not end.
        const foreign = create('foreign');
        await server.waitFor(
          "select from pg_replication_slots where slot_name in ('making', 'foreign')",
          (rows) => rows.length === 2,
        );
        const creations = ['foreign', 'making', 'never'].map(parseSlotName);
        assert.deepEqual(
          await mover.run(planOf({ creations }), EVERYTHING),
          new Map([['foreign', { again: false, isInUse: false }]]),
        );
        await ended;
        await writer.run({ text: 'rollback' });
        await foreign;
        await server.waitFor(
          "select from pg_replication_slots where slot_name = 'making'",
          (rows) => rows.length === 0,
        );
      } finally {
        await Promise.all([writer.close(), maker.close()]);
      }
    });

    if (major >= 17) {
      test('neither a subscriber nor a standby that is waited for holds up a hand-off', {
        timeout: TIMEOUT_MS,
      }, async () => {
        await create('waits');
        await create('decodes');
        await runToEnd(mover, planOf({ failovers: ['waits', 'decodes'].map(propertyOf) }));
        await server.query("select pg_create_physical_replication_slot('absent_standby', true)");
        await server.setConfig({ synchronized_standby_slots: 'absent_standby' });
        await create('busy');
        const target = parseLsn(await movedOn());
        // Without the options of its plugin the second one cannot be moved, and has to be advanced.
        const advances = [
          { ...advanceOf(parseSlotName('waits'), target), mayWait: true },
          { ...advanceOf(parseSlotName('decodes'), target), plugin: 'test_decoding', mayWait: true },
        ];
        await whileInUse('busy', async () => {
          assert.deepEqual(
            await runToEnd(mover, planOf({ advances, failovers: [propertyOf('busy')] })),
            new Map(),
          );
        });
        assert.equal((await slotNamed('busy'))?.failover, false);
        assert.equal((await slotNamed('waits'))?.confirmedFlushLsn, target);
        assert.notEqual((await slotNamed('decodes'))?.confirmedFlushLsn, target);
        await server.setConfig({ synchronized_standby_slots: undefined });
      });

      test('where max_wal_senders are all in use, slots are moved on a session that was lent, in its own database', {
        timeout: TIMEOUT_MS,
      }, async () => {
        await create('lent');
        await server.query(
          `select pg_create_logical_replication_slot('lent_there', 'pgoutput')`,
          [],
          'store',
        );
        const names = ['lent', 'lent_there'].map(parseSlotName);
        const failovers = [propertyOf('lent'), { ...propertyOf('lent_there'), database: named('store') }];
        await runToEnd(mover, planOf({ failovers }));
        await sessions.close();
        const walsender = await connectPostgres(optionsFor(server, { replication: true }));
        const taken = await takeWalsenders(server.url('postgres', ROLE));
        try {
          // An advance would wait for this standby.
          await server.setConfig({ synchronized_standby_slots: 'absent_standby' });
          const target = parseLsn(await movedOn());
          const advances = names.map((slot, index) => ({
            ...advanceOf(slot, target),
            database: named(index === 0 ? 'postgres' : 'store'),
            mayWait: true,
          }));
          const logger = createLogger({ level: 'silent', fields: {} });
          const lending = moverAlone({ sessions, clock: systemClock, logger, walsender, signal });
          await runToEnd(lending, planOf({ advances, twoPhases: [propertyOf('lent')] }));
          assert.equal((await slotNamed('lent'))?.twoPhase, true);
          assert.equal((await slotNamed('lent'))?.confirmedFlushLsn, target);
          assert.notEqual((await slotNamed('lent_there'))?.confirmedFlushLsn, target);
        } finally {
          await Promise.all([walsender, ...taken].map((each) => each.close()));
          await server.setConfig({ synchronized_standby_slots: undefined });
        }
      });

      test('a slot follows the next failover again', { timeout: TIMEOUT_MS }, async () => {
        await create('follows');
        assert.equal((await slotNamed('follows'))?.failover, false);
        const plan = planOf({ failovers: ['gone_since', 'follows'].map(propertyOf) });
        await runToEnd(mover, plan);
        assert.equal((await slotNamed('follows'))?.failover, true);
        await runToEnd(mover, plan);
        assert.equal((await slotNamed('follows'))?.failover, true);
      });

      test('many slots follow it by several sessions, as each waits for the disk; those in use hold up none of the others', {
        timeout: TIMEOUT_MS,
      }, async () => {
        const names = Array.from({ length: 25 }, (_, index) => `many_${index}`);
        await Promise.all(names.map((name) => create(name)));
        // They were taken since the look: those that were seen to be in use come last.
        const used = names.slice(0, 5);
        const run = async (): Promise<void> => {
          const waiting = server.waitFor(
            "select from pg_stat_activity where query like 'ALTER_REPLICATION_SLOT \"many%' and state = 'active'",
            (rows) => rows.length === 3,
          );
          const lines: string[] = [];
          const stream = { write: (line: string) => lines.push(line) };
          const logger = createLogger({ level: 'error', fields: {}, stream });
          const patient = moverAlone({ sessions, clock: systemClock, logger, signal });
          await runToEnd(patient, planOf({ failovers: names.map(propertyOf) }));
          await waiting;
          // Now nobody is waited for any more.
          lines.length = 0;
          await runToEnd(patient, planOf({ failovers: used.map(propertyOf) }));
          const said = lines.map((line) => /cancelled after|no time left/.exec(line)?.[0]);
          assert.deepEqual(said, [
            ...Array.from({ length: 3 }, () => 'cancelled after'),
            ...Array.from({ length: 2 }, () => 'no time left'),
          ]);
        };
        await used.reduce<() => Promise<void>>((work, name) => () => whileInUse(name, work), run)();
        const set = await server.query<{ name: string }>(
          "select slot_name as name from pg_replication_slots where slot_name like 'many%' and failover",
        );
        assert.deepEqual(set.map(({ name }) => name).toSorted(), names.slice(used.length).toSorted());
      });
    }
  });
}
