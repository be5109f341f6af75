import assert from 'node:assert/strict';
import { chmod, copyFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { findLoadFailure } from '@slotcast/postgres';
import { type PostgresMajor, type PostgresServer, startPrimary, temporaryFolder } from '@slotcast/testkit';
import { optionsFor, withConnection } from './open-connections.ts';

for (const major of [16, 18] satisfies PostgresMajor[]) {
  describe(`the loading of an output plugin on PostgreSQL ${major}`, { timeout: 60_000 }, () => {
    let server: PostgresServer;
    let folder: string;
    let library: string;

    before(async () => {
      folder = await temporaryFolder(`plugins-${major}`);
      await chmod(folder, 0o755);
      library = join(folder, 'my_plugin.so');
      server = await startPrimary({ major, settings: { dynamic_library_path: `$libdir:${folder}` } });
      await server.createRole('slotcast');
      await install('test_decoding');
      await server.query(`select pg_create_logical_replication_slot('app', 'my_plugin')`);
    });

    after(async () => {
      await server?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    /** Puts a library of the server there under the plugin's name. */
    async function install(name: string): Promise<void> {
      const [row] = await server.query<{ folder: string }>(
        `select setting as folder from pg_config where name = 'PKGLIBDIR'`,
      );
      await copyFile(join(row?.folder ?? '', `${name}.so`), library);
      await chmod(library, 0o755);
    }

    function failure(): Promise<string | undefined> {
      const slots = { source: 'app', copy: 'slotcast_tmp_plugin', plugin: 'my_plugin' };
      return withConnection(optionsFor(server), (connection) => findLoadFailure(connection, slots));
    }

    test('leaves nothing behind when it succeeds', async () => {
      assert.equal(await failure(), undefined);
      await server.waitFor('select from pg_replication_slots', (rows) => rows.length === 1);
    });

    test('fails when the library was removed, which an advance does not notice', async () => {
      await rm(library);
      const moved = `select from pg_replication_slot_advance('app', pg_current_wal_lsn())`;
      await server.query(`select pg_logical_emit_message(true, 'test', '')`);
      assert.equal((await server.query(moved)).length, 1);
      assert.match((await failure()) ?? '', /my_plugin/);
      await server.waitFor('select from pg_replication_slots', (rows) => rows.length === 1);
    });

    test('fails when the library is broken, or is none of a plugin', async () => {
      await writeFile(library, 'not a library');
      assert.match((await failure()) ?? '', /my_plugin/);
      await install('dict_snowball');
      assert.match((await failure()) ?? '', /_PG_output_plugin_init/);
      await install('test_decoding');
      assert.equal(await failure(), undefined);
    });

    test('says nothing of the plugin when the slot is not there', async () => {
      await server.query(`select pg_drop_replication_slot('app')`);
      await assert.rejects(failure(), { code: '42704' });
    });
  });
}
