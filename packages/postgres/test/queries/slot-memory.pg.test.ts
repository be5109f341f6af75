import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { observePrimary, observeStandby, primaryMemory, standbyMemory } from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary } from '@slotcast/testkit';
import { optionsFor, ROLE, withConnection } from '../connection/open-connections.ts';

const TIMEOUT_MS = 180_000;
const STEPS = 60;

/** What befalls the slots of a server, in turn; `name` is one of a few, so that slots come and go in the middle and at the end. */
const steps: readonly ((server: PostgresServer, name: string) => Promise<unknown>)[] = [
  (server, name) => createUnlessThere(server, name),
  (server, name) =>
    server.query(
      `select pg_replication_slot_advance(slot_name, pg_current_wal_flush_lsn()) from pg_replication_slots
        where slot_name = $1`,
      [name],
    ),
  (server, name) => createUnlessThere(server, name),
  async () => {},
  (server) => server.query(`select pg_logical_emit_message(true, 'test', 'something happened')`),
  (server, name) =>
    server.query(
      `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1`,
      [name],
    ),
];

function createUnlessThere(server: PostgresServer, name: string): Promise<unknown> {
  return server.query(
    `select pg_create_logical_replication_slot($1, 'test_decoding')
      where not exists (select from pg_replication_slots where slot_name = $1)`,
    [name],
  );
}

for (const major of [13, 14, 16, 17, 18] satisfies PostgresMajor[]) {
  describe(`slots of PostgreSQL ${major} that are looked at again and again`, { timeout: 180_000 }, () => {
    test('are shown as they are, whatever came, moved or went', { timeout: TIMEOUT_MS }, async () => {
      await using server = await startPrimary({ major });
      await server.createRole(ROLE);
      await withConnection(optionsFor(server), async (connection) => {
        const memory = primaryMemory();
        for (let step = 0; step < STEPS; step += 1) {
          const name = `slot_${(step * 7) % 5}`;
          await steps[(step * 5 + Math.floor(step / 6)) % steps.length]?.(server, name);
          const remembered = await observePrimary(connection, undefined, memory);
          const afresh = await observePrimary(connection);
          assert.ok(!remembered.inRecovery && !afresh.inRecovery);
          assert.deepEqual(remembered.slots, afresh.slots, `after step ${step}`);
        }
      });
    });

    test('stay the same objects as long as they stay as they are', { timeout: TIMEOUT_MS }, async () => {
      await using server = await startPrimary({ major });
      await server.createRole(ROLE);
      for (const name of ['a', 'b', 'c']) {
        await createUnlessThere(server, name);
      }
      await withConnection(optionsFor(server), async (connection) => {
        const memory = primaryMemory();
        const slotsNow = async () => {
          const seen = await observePrimary(connection, undefined, memory);
          assert.ok(!seen.inRecovery);
          return seen.slots;
        };
        const first = await slotsNow();
        assert.equal(await slotsNow(), first, 'nothing changed');
        await server.query(`select pg_logical_emit_message(true, 'test', 'something happened')`);
        await server.query(`select pg_replication_slot_advance('b', pg_current_wal_flush_lsn())`);
        const then = await slotsNow();
        assert.deepEqual(
          then.map((slot, index) => slot === first[index]),
          [true, false, true],
        );
      });
    });
  });
}

test('a standby shows a slot that was made and one that was dropped there', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using primary = await startPrimary({ major: 18 });
  await primary.createRole(ROLE);
  const standby = await primary.addStandby({ name: 's1' });
  await withConnection(optionsFor(standby), async (connection) => {
    const memory = standbyMemory();
    const namesNow = async () => {
      const seen = await observeStandby(connection, undefined, memory);
      assert.ok(seen.inRecovery);
      return seen.slots.map(({ name }) => name);
    };
    assert.deepEqual(await namesNow(), []);
    for (const name of ['a', 'b']) {
      await standby.query('select pg_create_physical_replication_slot($1)', [name]);
    }
    assert.deepEqual(await namesNow(), ['a', 'b']);
    await standby.query(`select pg_drop_replication_slot('b')`);
    assert.deepEqual(await namesNow(), ['a']);
    await standby.query(`select pg_drop_replication_slot('a')`);
    assert.deepEqual(await namesNow(), []);
  });
});
