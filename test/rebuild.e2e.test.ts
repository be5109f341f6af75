import assert from 'node:assert/strict';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { POSTGRES_MAJORS, startPrimary } from '@slotcast/testkit';
import { runCommand } from './support/command.ts';
import {
  contentOf,
  insert,
  leaveOpenTransactions,
  positionsOf,
  type RebuiltAnswer,
  rebuild,
  rebuildScene,
  restoreFrom,
  untilTopicAgrees,
} from './support/rebuild-scene.ts';

const TIMEOUT_MS = 300_000;
/** From this major on a consumer works beside a standby. */
const LIVE_MAJOR = 16;
const NEWEST = 18;

for (const major of POSTGRES_MAJORS) {
  test(`PostgreSQL ${major}: a standby from a base backup has all slots after a rebuild and a start, and they send what the primary would have`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    await using scene = await rebuildScene(major);
    const { primary } = scene;
    await primary.query("select pg_create_logical_replication_slot('idle', 'test_decoding')");
    await primary.query("select pg_create_logical_replication_slot('moving', 'test_decoding')");
    const standby = await scene.addStandby('s1');
    // After the backup, which would have taken the state of decoding along.
    await leaveOpenTransactions(primary, 'moving');
    await primary.query('alter table public.t add column later int default 7');
    await untilTopicAgrees(scene);
    await insertLater(primary, 5);
    await primary.waitForReplay(standby);
    await standby.stop();
    const dry = await rebuild(scene, standby, ['--dry-run', '--restore-command', restoreFrom(primary)]);
    assert.equal(dry.code, 0, dry.stderr);
    const { code, answer } = await rebuild(scene, standby, ['--restore-command', restoreFrom(primary)]);
    assert.deepEqual(
      [code, answer.slots.map(({ slot, outcome, snapshot }) => [slot, outcome, snapshot])],
      [
        0,
        [
          ['idle', 'installed', false],
          ['moving', 'installed', true],
        ],
      ],
    );
    await standby.start();
    assert.deepEqual(await positionsOf(standby), await positionsOf(primary));
    if (major >= LIVE_MAJOR) {
      await (await scene.service('consumer', standby)).ready();
      for (const slot of ['idle', 'moving']) {
        await scene.records.waitForState('s1', slot, 'ready');
      }
    }
    await primary.waitForReplay(standby);
    const expected = [await contentOf(primary, 'moving'), await contentOf(primary, 'idle')];
    assert.ok(expected.every((lines) => lines.some((line) => line.includes('102'))));
    await primary.kill();
    await standby.promote();
    // In this order: whoever decodes by the other slot leaves behind what this one would lack.
    assert.deepEqual([await contentOf(standby, 'moving'), await contentOf(standby, 'idle')], expected);
  });

  test(`PostgreSQL ${major}: a server that recovers to a position between two events has the state of the earlier one, and its subscriber goes on without a gap`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    await using scene = await rebuildScene(major);
    const { primary } = scene;
    await primary.query("select pg_create_logical_replication_slot('app', 'test_decoding')");
    const restored = await scene.addStandby('s1');
    await restored.stop();

    await insert(primary, 1);
    await primary.query("select count(*) from pg_logical_slot_get_changes('app', null, null)");
    await untilTopicAgrees(scene);
    const earlier = await positionsOf(primary);
    await insert(primary, 2);
    const expected = await contentOf(primary, 'app');
    const [row] = await primary.query<{ lsn: string }>(
      'select pg_switch_wal(), pg_current_wal_flush_lsn()::text as lsn',
    );
    const target = row?.lsn ?? '';
    await insert(primary, 3);
    await primary.query("select count(*) from pg_logical_slot_get_changes('app', null, null)");
    await untilTopicAgrees(scene);

    const data = restored.dataFolder;
    await rename(join(data, 'standby.signal'), join(data, 'recovery.signal'));
    await restored.setConfig({
      primary_conninfo: '',
      primary_slot_name: '',
      restore_command: restoreFrom(primary),
      recovery_target_lsn: target,
      recovery_target_timeline: '1',
      recovery_target_action: 'promote',
    });
    await primary.query('select pg_switch_wal()');
    const { code, answer } = await rebuild(scene, restored, ['--as-of-lsn', target]);
    assert.equal(code, 0, JSON.stringify(answer));
    await restored.start();
    await restored.waitFor<{ recovers: boolean }>(
      'select pg_is_in_recovery() as recovers',
      ([state]) => state?.recovers === false,
    );
    assert.deepEqual(await positionsOf(restored), earlier);
    assert.deepEqual(await contentOf(restored, 'app'), expected);
    await insert(restored, 4);
    const sent = await contentOf(restored, 'app');
    assert.ok(sent.some((line) => line.includes("'row 4'")));
    assert.ok(!sent.some((line) => line.includes("'row 3'")));
  });
}

test('refuses what is no stopped standby of this cluster, and changes nothing', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using scene = await rebuildScene(NEWEST);
  const { primary } = scene;
  await primary.query("select pg_create_logical_replication_slot('app', 'test_decoding')");
  await untilTopicAgrees(scene);
  const standby = await scene.addStandby('s1');
  const refusal = async (folder: string, extra: readonly string[] = []): Promise<string> => {
    const args = ['rebuild', '--pgdata', folder, ...extra];
    const { code, stdout, stderr } = await runCommand(args, scene.environment(standby));
    assert.deepEqual([code, stdout], [78, ''], stderr);
    return stderr;
  };
  assert.match(await refusal(standby.dataFolder), /SC_SERVER_RUNNING/);
  assert.match(await refusal(join(standby.dataFolder, 'base')), /no PG_VERSION.*SC_DATA_FOLDER/s);

  await standby.stop();
  const pidFile = join(standby.dataFolder, 'postmaster.pid');
  await writeFile(pidFile, '4194303\n');
  assert.match(await refusal(standby.dataFolder), /SC_SERVER_RUNNING/);
  await rm(pidFile);
  assert.match(await refusal(standby.dataFolder, ['--as-of-lsn', 'F/0']), /no recovery.signal/);
  await rename(join(standby.dataFolder, 'standby.signal'), join(standby.dataFolder, 'recovery.signal'));
  assert.match(await refusal(standby.dataFolder), /say where recovery is to end/);
  assert.match(await refusal(standby.dataFolder, ['--as-of-lsn', '0/1']), /take an older one/);
  assert.match(await refusal(standby.dataFolder, ['--as-of-lsn', 'F/0']), /recovery_target_lsn is not set/);
  await standby.setConfig({ recovery_target_lsn: 'E/0' });
  assert.match(await refusal(standby.dataFolder, ['--as-of-lsn', 'F/0']), /recovery_target_lsn is 'E\/0'/);
  await standby.setConfig({ recovery_target_lsn: 'F/0' });
  assert.match(
    await refusal(standby.dataFolder, ['--as-of-lsn', 'F/0']),
    /recovery_target_timeline is not set/,
  );
  assert.match(
    await refusal(standby.dataFolder, ['--as-of-time', '2020-01-01T00:00:00Z']),
    /the topic tells nothing of 2020/,
  );
  await rm(join(standby.dataFolder, 'recovery.signal'));
  assert.match(await refusal(standby.dataFolder), /neither standby.signal nor recovery.signal/);

  await using other = await startPrimary({ major: NEWEST });
  await other.stop();
  assert.match(await refusal(other.dataFolder), /SC_OTHER_SYSTEM/);
  assert.deepEqual(await readdir(join(standby.dataFolder, 'pg_replslot')), []);
});

test('before 16, where nobody notices that catalog rows are gone, refuses without feedback, and while the publisher is silent', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using scene = await rebuildScene(15);
  const { primary } = scene;
  await primary.query("select pg_create_logical_replication_slot('app', 'test_decoding')");
  await untilTopicAgrees(scene);
  const standby = await scene.addStandby('s1');
  await standby.stop();
  const refusal = async (): Promise<string> => {
    const { code, stdout, stderr } = await runCommand(
      ['rebuild', '--pgdata', standby.dataFolder],
      scene.environment(standby),
    );
    assert.deepEqual([code, stdout], [78, ''], stderr);
    return stderr;
  };
  await standby.setConfig({ hot_standby_feedback: 'off' });
  assert.match(await refusal(), /hot_standby_feedback = on/);
  await standby.setConfig({ hot_standby_feedback: 'on' });
  await primary.stop();
  assert.match(await refusal(), /the publisher has written nothing for 12 s/);
  assert.deepEqual(await readdir(join(standby.dataFolder, 'pg_replslot')), []);
});

test('leaves out a slot whose WAL is missing, or of which it is not known what was open where it starts', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using scene = await rebuildScene(NEWEST, { mayReadFiles: false });
  const { primary } = scene;
  await primary.query("select pg_create_logical_replication_slot('moving', 'test_decoding')");
  await leaveOpenTransactions(primary, 'moving');
  await primary.query('select pg_switch_wal()');
  await untilTopicAgrees(scene);
  const standby = await scene.addStandby('s1');
  await primary.waitForReplay(standby);
  await standby.stop();
  const missing = await rebuild(scene, standby);
  assert.deepEqual([missing.code, reasonsOf(missing.answer)], [3, ['rebuild_wal_missing']]);
  const restore = ['--restore-command', restoreFrom(primary)];
  const open = await rebuild(scene, standby, restore);
  assert.deepEqual([open.code, reasonsOf(open.answer)], [3, ['rebuild_open_transactions']]);
  assert.deepEqual(await readdir(join(standby.dataFolder, 'pg_replslot')), []);
});

function reasonsOf({ slots }: RebuiltAnswer): readonly string[] {
  return slots.flatMap(({ reasons }) => reasons.map(({ code }) => code));
}

async function insertLater(server: Parameters<typeof insert>[0], id: number): Promise<void> {
  await server.query('insert into public.t values ($1, $2, 8)', [id, 'with the new column']);
}
