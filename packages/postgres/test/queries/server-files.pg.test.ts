import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Lsn, parseLsn, parseSlotName } from '@slotcast/domain';
import {
  mayReadServerFiles,
  READ_FILE_FUNCTION,
  readDecodingSnapshots,
  readRestartLsns,
  readSlotFile,
} from '@slotcast/postgres';
import { POSTGRES_MAJORS, type PostgresServer, startPrimary } from '@slotcast/testkit';
import { optionsFor, ROLE, withConnection } from '../connection/open-connections.ts';

/** Has the server write the state of decoding at a position while a transaction is open, and moves a slot there. */
async function makeSnapshot(server: PostgresServer): Promise<Lsn> {
  await server.query('create table public.t (id int)');
  await server.query("select pg_create_logical_replication_slot('s', 'test_decoding')");
  await withConnection({ ...optionsFor(server), url: server.url() }, async (connection) => {
    await connection.run({ text: 'begin' });
    await connection.run({ text: 'insert into public.t values (1)' });
    await server.query('checkpoint');
    await server.query('insert into public.t values (2)');
    await server.query("select count(*) from pg_logical_slot_get_changes('s', null, null)");
    await connection.run({ text: 'commit' });
  });
  await server.query('checkpoint');
  await server.query('insert into public.t values (3)');
  await server.query("select count(*) from pg_logical_slot_get_changes('s', null, null)");
  const [row] = await server.query<{ lsn: string }>(
    'select restart_lsn::text as lsn from pg_replication_slots',
  );
  return parseLsn(row?.lsn ?? '');
}

for (const major of POSTGRES_MAJORS) {
  test(`PostgreSQL ${major}: the state of decoding at restart_lsn is read by a role that may read files`, {
    timeout: 120_000,
  }, async () => {
    await using server = await startPrimary({ major });
    await server.createRole(ROLE);
    const restartLsn = await makeSnapshot(server);
    await withConnection(optionsFor(server), async (connection) => {
      const maxBytes = 4096;
      assert.equal(await mayReadServerFiles(connection), false);
      await assert.rejects(readDecodingSnapshots(connection, [restartLsn], { maxBytes }), { code: '42501' });

      await server.query(`grant execute on function ${READ_FILE_FUNCTION} to ${ROLE}`);
      assert.equal(await mayReadServerFiles(connection), true);
      const missing = parseLsn('FF/1');
      const found = await readDecodingSnapshots(connection, [missing, restartLsn], { maxBytes });
      const folder = join(server.dataFolder, 'pg_logical', 'snapshots');
      const name = `${restartLsn >> 32n}-${(restartLsn & 0xffff_ffffn).toString(16).toUpperCase()}.snap`;
      assert.ok((await readdir(folder)).includes(name));
      const content = await readFile(join(folder, name));
      assert.deepEqual(
        [...found],
        [
          [missing, 'missing'],
          [restartLsn, content],
        ],
      );

      const exact = await readDecodingSnapshots(connection, [restartLsn], { maxBytes: content.length });
      assert.deepEqual(exact.get(restartLsn), content);
      const tooLong = await readDecodingSnapshots(connection, [restartLsn], { maxBytes: content.length - 1 });
      assert.equal(tooLong.get(restartLsn), 'too_long', 'it is not cut off');

      const [slot, none] = [parseSlotName('s'), parseSlotName('no_such_slot')];
      const state = await readFile(join(server.dataFolder, 'pg_replslot', slot, 'state'));
      assert.deepEqual(await readSlotFile(connection, slot), state);
      assert.equal(await readSlotFile(connection, none), 'missing');
      assert.deepEqual([...(await readRestartLsns(connection, [slot, none]))], [[slot, restartLsn]]);
    });
  });
}
