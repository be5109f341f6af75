import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isLogical, parseSlotName } from '@slotcast/domain';
import {
  advanceSlots,
  DatabaseSessions,
  flushWal,
  observePrimary,
  readOldestTransaction,
  readPreparedTransactions,
} from '@slotcast/postgres';
import { type PostgresServer, startPrimary } from '@slotcast/testkit';
import { optionsFor, ROLE, withConnection } from './open-connections.ts';

const TIMEOUT_MS = 180_000;
const ODD_NAMES = ['a"b', "it's", '100%', 'x y', 'back\\slash', 'größe ☃', '?host=elsewhere', 'n'.repeat(63)];
/** In LATIN1 a byte that is no UTF-8. */
const LATIN_NAME = 'café';

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

describe('names that are allowed but odd', { timeout: 180_000 }, () => {
  let server: PostgresServer;
  const { signal } = new AbortController();

  before(async () => {
    server = await startPrimary({ major: 18 });
    await server.createRole(ROLE);
  });

  after(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  test('of databases: their slots are seen, moved and dropped', { timeout: TIMEOUT_MS }, async () => {
    const sessions = new DatabaseSessions(optionsFor(server), () => undefined, signal);
    try {
      for (const [index, name] of ODD_NAMES.entries()) {
        await server.query(`create database ${quoted(name)}`);
        await server.query(`select pg_create_logical_replication_slot('odd_${index}', 'pgoutput')`, [], name);
      }
      const main = await sessions.main();
      await flushWal(main);
      const seen = await observePrimary(main);
      assert.ok(!seen.inRecovery);
      assert.deepEqual(
        new Set(seen.slots.filter(isLogical).map(({ database }) => database)),
        new Set(ODD_NAMES),
      );
      for (const { name, database, databaseOid } of seen.slots.filter(isLogical)) {
        for (const oid of [databaseOid, undefined]) {
          await advanceSlots(await sessions.get({ name: database, oid }), [{ name, target: seen.flushLsn }]);
        }
        await sessions.drop(name);
      }
      assert.deepEqual(await server.query('select from pg_replication_slots'), []);
    } finally {
      await sessions.close();
    }
  });

  test('in an encoding that is not that of the configured database: they stop nothing else', {
    timeout: TIMEOUT_MS,
  }, async () => {
    for (const [name, encoding] of [
      ['ascii', 'SQL_ASCII'],
      ['latin', 'LATIN1'],
    ] as const) {
      await server.query(
        `create database ${name} template template0 encoding '${encoding}' lc_collate 'C' lc_ctype 'C'`,
      );
    }
    await server.query(`select pg_create_logical_replication_slot('good', 'pgoutput')`, [], 'ascii');
    await server.query('create database renamed');
    await server.query(`select pg_create_logical_replication_slot('apart', 'pgoutput')`, [], 'renamed');
    await server.query(`alter database renamed rename to "${LATIN_NAME}"`, [], 'latin');
    await server.query('create table numbered (id int)', [], 'latin');
    await server.query(
      `begin; insert into numbered values (1); prepare transaction '${LATIN_NAME}'`,
      [],
      'latin',
    );
    for (const database of ['ascii', 'latin', 'postgres']) {
      await withConnection(optionsFor(server, { database }), async (connection) => {
        const seen = await observePrimary(connection);
        assert.ok(!seen.inRecovery);
        const good = seen.slots.filter(isLogical).find(({ name }) => name === parseSlotName('good'));
        assert.equal(good?.database, 'ascii', database);
        const oldest = await readOldestTransaction(connection);
        assert.equal((await readPreparedTransactions(connection))[0]?.xid, oldest?.xid);
      });
    }
  });
});
