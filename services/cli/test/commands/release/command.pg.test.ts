import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startPrimary } from '@slotcast/testkit';
import { type CliResult, runCli } from '../../run-cli.ts';

test('slotcast release frees the name of a quarantined slot when somebody agrees, and drops nothing else', {
  timeout: 180_000,
}, async () => {
  await using server = await startPrimary({ major: 18 });
  await server.query("select pg_create_physical_replication_slot('orders_cdc')");
  await server.query("select pg_create_physical_replication_slot('db2', true)");
  const release = (slot: string, ...more: string[]): Promise<CliResult> =>
    runCli(['release', slot, ...more], {
      env: {
        SLOTCAST_CLUSTER: 'orders',
        SLOTCAST_NODE: 'db1',
        SLOTCAST_POSTGRES_URL: server.url('postgres'),
        // It is needed for nothing.
        KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1',
      },
    });

  const unasked = await release('orders_cdc');
  assert.deepEqual([unasked.code, unasked.stdout], [2, '']);
  assert.match(unasked.stderr, /new snapshot.*\n.*--yes/s);

  const theirs = await release('db2', '--yes');
  assert.deepEqual([theirs.code, theirs.stdout], [3, '']);
  assert.match(theirs.stderr, /SC_RELEASE_REFUSED/);

  const done = await release('orders_cdc', '--yes', '--output', 'json');
  assert.deepEqual(JSON.parse(done.stdout), { slot: 'orders_cdc', node: 'db1', released: true });
  await server.query("select pg_create_logical_replication_slot('orders_cdc', 'pgoutput')");
});
