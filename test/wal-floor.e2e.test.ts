import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CommandResult, runCommand } from './support/command.ts';
import { insert, positionsOf, rebuildScene, untilTopicAgrees } from './support/rebuild-scene.ts';
import type { Scene } from './support/scene.ts';

async function walFloor(scene: Scene, ...args: readonly string[]): Promise<CommandResult> {
  return await runCommand(['wal-floor', ...args], scene.environment(scene.primary));
}

test('the oldest WAL that slots need, now and at a position before, and that nothing is said of what the topic does not tell any more', {
  timeout: 120_000,
}, async () => {
  await using scene = await rebuildScene(18);
  const { primary } = scene;
  await primary.query("select pg_create_logical_replication_slot('resting', 'test_decoding')");
  await primary.query('select pg_switch_wal()');
  await primary.query("select pg_create_logical_replication_slot('moving', 'test_decoding')");
  await untilTopicAgrees(scene);
  const before = await positionsOf(primary);
  const [row] = await primary.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
  await primary.query('select pg_switch_wal()');
  await insert(primary, 1);
  await primary.query("select pg_drop_replication_slot('resting')");
  await primary.query('select pg_log_standby_snapshot()');
  await insert(primary, 2);
  await primary.query("select count(*) from pg_logical_slot_get_changes('moving', null, null)");
  await untilTopicAgrees(scene);
  const fileOf = async (lsn: string | undefined): Promise<string | undefined> => {
    const [file] = await primary.query<{ file: string }>('select pg_walfile_name($1) as file', [lsn]);
    return file?.file;
  };

  const now = JSON.parse((await walFloor(scene, '--output', 'json')).stdout);
  const [moving] = await positionsOf(primary);
  assert.deepEqual(
    [now.slot, now.restart_lsn, now.wal_file],
    ['moving', moving?.restart, await fileOf(moving?.restart)],
  );
  const earlier = await walFloor(scene, '--output', 'json', '--as-of-lsn', row?.lsn ?? '');
  assert.equal(earlier.code, 0, earlier.stderr);
  const resting = before.find(({ name }) => name === 'resting');
  const then = JSON.parse(earlier.stdout);
  assert.deepEqual(
    [then.slot, then.restart_lsn, then.wal_file, then.slots.length],
    ['resting', resting?.restart, await fileOf(resting?.restart), 2],
  );
  const some = JSON.parse(
    (await walFloor(scene, '--output', 'json', '--as-of-lsn', row?.lsn ?? '', '--slots', 'moving')).stdout,
  );
  assert.equal(some.slot, 'moving');

  const text = await walFloor(scene);
  assert.match(text.stdout, /^[0-9A-F]{24} is the oldest WAL file that is needed now: slot moving needs all/);
  const outside = await walFloor(scene, '--as-of-lsn', '0/1');
  assert.equal(outside.code, 78);
  assert.match(outside.stderr, /does not tell any more which slots there were at 0\/1/);
});
