import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { type Lsn, parseLsn, parseSlotName } from '@slotcast/domain';
import { digestCopy, findLoadFailure, type SlotDigest, withProofCopy } from '@slotcast/postgres';
import { PluginFolder, type PostgresMajor, type PostgresServer, startPrimary } from '@slotcast/testkit';
import { optionsFor, withConnection } from '../connection/open-connections.ts';

for (const major of [16, 18] satisfies PostgresMajor[]) {
  describe(`the loading of an output plugin on PostgreSQL ${major}`, { timeout: 180_000 }, () => {
    let primary: PostgresServer;
    let server: PostgresServer;
    let plugins: PluginFolder;

    before(async () => {
      plugins = await PluginFolder.create();
      primary = await startPrimary({ major });
      await primary.createRole('slotcast');
      server = await primary.addStandby({ name: 'standby', settings: plugins.settings });
      await plugins.install(server);
      const making = server.query(`select pg_create_logical_replication_slot('app', 'my_plugin')`);
      await server.waitFor(
        'select from pg_replication_slots where restart_lsn is not null',
        (rows) => rows.length === 1,
      );
      await primary.query('select pg_log_standby_snapshot()');
      await primary.query(`select pg_logical_emit_message(true, 'test', '')`);
      await making;
    });

    after(async () => {
      await primary?.[Symbol.asyncDispose]();
      await plugins?.[Symbol.asyncDispose]();
    });

    function failure(): Promise<string | undefined> {
      const slots = { source: 'app', copy: 'slotcast_tmp_plugin', plugin: 'my_plugin' };
      return withConnection(optionsFor(server), (connection) => findLoadFailure(connection, slots));
    }

    test('leaves nothing behind when it succeeds', async () => {
      assert.equal(await failure(), undefined);
      await server.waitFor('select from pg_replication_slots', (rows) => rows.length === 1);
    });

    test('is not needed to see what the slot delivers: read twice it says the same, and it does not move', async () => {
      const afterLsn = parseLsn(await primary.currentLsn());
      await primary.query('create table numbered as select generate_series(1, 9) as id');
      const toLsn = parseLsn(await primary.waitForReplay(server));
      const source = parseSlotName('app');
      const state = 'select * from pg_replication_slots order by slot_name';
      const before = await server.query(state);
      // As the publisher does, which finds where the stretch begins, and then as the consumer, which is told.
      const read = (fromLsn?: Lsn): Promise<SlotDigest> =>
        withProofCopy(
          {
            postgres: optionsFor(server),
            database: { name: 'postgres', oid: undefined },
            source,
            onStandbyOnly: true,
            signal: new AbortController().signal,
          },
          (connection, { name: copy }) =>
            digestCopy(connection, { copy, afterLsn, fromLsn, toLsn, spans: 4 }),
        );
      const first = await read();
      assert.equal(
        first.spans.reduce((sum, { changes }) => sum + changes, 0),
        9,
      );
      assert.deepEqual(await read(first.fromLsn), first);
      assert.deepEqual(await server.query(state), before);
    });

    test('fails when the library was removed, which an advance does not notice', async () => {
      await rm(plugins.library);
      const moved = `select from pg_replication_slot_advance('app', pg_last_wal_replay_lsn())`;
      await primary.query(`select pg_logical_emit_message(true, 'test', '')`);
      await primary.waitForReplay(server);
      assert.equal((await server.query(moved)).length, 1);
      assert.match((await failure()) ?? '', /my_plugin/);
      await server.waitFor('select from pg_replication_slots', (rows) => rows.length === 1);
    });

    test('fails when the library is broken, or is none of a plugin', async () => {
      await writeFile(plugins.library, 'not a library');
      assert.match((await failure()) ?? '', /my_plugin/);
      await plugins.install(server, 'dict_snowball');
      assert.match((await failure()) ?? '', /_PG_output_plugin_init/);
      await plugins.install(server);
      assert.equal(await failure(), undefined);
    });

    test('says nothing of the plugin when the slot is not there', async () => {
      await server.query(`select pg_drop_replication_slot('app')`);
      await assert.rejects(failure(), { code: '42704' });
    });
  });
}
