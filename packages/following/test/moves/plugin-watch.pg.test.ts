import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { test } from 'node:test';
import type { LocalSlot } from '@slotcast/domain';
import { PluginWatch } from '@slotcast/following';
import { type Clock, Doorbell, systemClock } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';
import { connectPostgres, DatabaseSessions, observeStandby, type PostgresOptions } from '@slotcast/postgres';
import { PluginFolder, startPrimary, waitUntil } from '@slotcast/testkit';

const CHECK_MS = 60_000;

test('a plugin that is removed while the service runs is told apart from what was known before', {
  timeout: 180_000,
}, async () => {
  await using plugins = await PluginFolder.create();
  const stop = new AbortController();
  try {
    await using primary = await startPrimary({ major: 18, settings: plugins.settings });
    await using standby = await primary.addStandby({ name: 's1' });
    await standby.setConfig(plugins.settings);
    await plugins.install(primary);
    const making = standby.query("select pg_create_logical_replication_slot('app1', 'my_plugin')");
    await standby.waitFor(
      'select from pg_replication_slots where restart_lsn is not null',
      (rows) => rows.length === 1,
    );
    await primary.query("select pg_log_standby_snapshot(), pg_logical_emit_message(true, 'test', 'flush')");
    await making;
    const server: PostgresOptions = { url: standby.url(), applicationName: 'slotcast-test' };
    const slots = await slotsOf(server);
    let ms = 0;
    const clock: Clock = { ...systemClock, monotonicMs: () => ms };
    const sessions = new DatabaseSessions(server, () => undefined, stop.signal);
    const watch = new PluginWatch({
      sessions,
      doorbell: new Doorbell(),
      clock,
      logger: createLogger({ level: 'silent', fields: {} }),
      signal: stop.signal,
    });
    const check = async (): Promise<ReadonlyMap<string, string>> => {
      ms += CHECK_MS;
      watch.look(slots);
      await waitUntil(() => !watch.isChecking, { describe: 'the check' });
      return watch.unloadable;
    };
    const known = await check();
    assert.equal(known.size, 0);
    await rm(plugins.library);
    const then = await check();
    assert.match(then.get('my_plugin') ?? '', /my_plugin/);
    assert.equal(known.size, 0, 'what the last plan was made of stays as it was');
    await watch.close();
    await sessions.close();
  } finally {
    stop.abort();
  }
});

async function slotsOf(server: PostgresOptions): Promise<readonly LocalSlot[]> {
  const connection = await connectPostgres(server);
  try {
    const seen = await observeStandby(connection);
    return seen.inRecovery ? seen.slots : [];
  } finally {
    await connection.close();
  }
}
