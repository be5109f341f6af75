import assert from 'node:assert/strict';
import { test } from 'node:test';
import { currentDatabase, databaseExists, listDatabases, outputPluginLibraries } from '@slotcast/postgres';
import { startPrimary } from '@slotcast/testkit';
import { optionsFor, ROLE, withConnection } from './open-connections.ts';

test('the databases that accept connections are known, and where a session is', {
  timeout: 180_000,
}, async () => {
  await using server = await startPrimary({ major: 17 });
  await server.createRole(ROLE);
  await server.query('create database "Café / 1"');
  await server.query('create database closed allow_connections false');
  await withConnection(optionsFor(server, { database: 'Café / 1' }), async (connection) => {
    const [row] = await server.query<{ oid: number }>(
      "select oid from pg_database where datname = 'Café / 1'",
    );
    assert.deepEqual(await currentDatabase(connection), { name: 'Café / 1', oid: row?.oid });
    assert.deepEqual((await listDatabases(connection)).toSorted(), ['Café / 1', 'postgres', 'template1']);
    assert.equal(await databaseExists(connection, 'Café / 1'), true);
    assert.equal(await databaseExists(connection, 'closed'), false);
    assert.equal(await databaseExists(connection, 'café / 1'), false);
    assert.equal(await outputPluginLibraries(connection), undefined);
  });
});
