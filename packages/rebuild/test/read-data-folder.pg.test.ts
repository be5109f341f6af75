import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { encodeSlotFile } from '@slotcast/data-folder';
import { describeHistory, parseLsn, parseSlotName, timeline } from '@slotcast/domain';
import { fetchHistory, isTaken, readDataFolder } from '@slotcast/rebuild';
import { temporaryFolder, waitUntil } from '@slotcast/testkit';
import pg from 'pg';
import { INSTALL_MAJORS, primaryWithSlot, slotIn } from './stopped-servers.ts';

const damaged = { code: 'SC_DATA_FOLDER' };

for (const major of INSTALL_MAJORS) {
  describe(`the data folder of a server of ${major}`, { timeout: 120_000 }, () => {
    test('says what the server was, also as a standby and after a promotion', async () => {
      await using primary = await primaryWithSlot(major);
      const standby = await primary.addStandby({
        name: 'standby',
        settings: { hot_standby: 'on', max_replication_slots: '7' },
      });
      const running = await readDataFolder(standby.dataFolder);
      assert.equal(running.server.kind, 'running');
      assert.equal(running.backupLabel, undefined);
      await primary.waitForReplay(standby);
      await standby.query('checkpoint');
      const replayed = parseLsn(await standby.currentLsn());
      await standby.stop();
      const stopped = await readDataFolder(standby.dataFolder);
      assert.deepEqual([stopped.server.kind, stopped.signal, stopped.major], ['stopped', 'standby', major]);
      assert.equal(stopped.control.state, 'shut_down_in_recovery');
      assert.ok((stopped.control.minRecoveryPoint ?? 0n) <= replayed);
      assert.ok((stopped.control.minRecoveryPoint ?? 0n) > stopped.control.redoLsn);
      assert.equal(stopped.control.minRecoveryTimeline, 1);
      assert.deepEqual([stopped.slots, stopped.leftovers, stopped.laterTimelines], [[], [], []]);
      assert.ok(stopped.history);
      assert.equal(describeHistory(stopped.history), '1');
      const { walLevel, maxReplicationSlots, hotStandby, doubts } = stopped.settings;
      assert.deepEqual([walLevel, maxReplicationSlots, hotStandby, doubts], ['logical', 7, true, []]);
      const { uid, gid } = statSync(standby.dataFolder);
      assert.deepEqual(stopped.owner, { uid, gid, folderMode: 0o700, fileMode: 0o600 });

      await standby.start();
      await standby.promote();
      await standby.query('checkpoint');
      await standby.stop();
      const promoted = await readDataFolder(standby.dataFolder);
      assert.deepEqual(
        [promoted.control.state, promoted.control.timeline, promoted.signal],
        ['shut_down', 2, undefined],
      );
      assert.match(
        promoted.history === undefined ? '' : describeHistory(promoted.history),
        /^1@0\/[0-9A-F]+ → 2$/,
      );
      const history = join(standby.dataFolder, 'pg_wal', '00000002.history');
      writeFileSync(join(standby.dataFolder, 'pg_wal', '00000003.history'), readFileSync(history));
      const later = await readDataFolder(standby.dataFolder);
      assert.deepEqual(later.laterTimelines, [3]);
      const fetch = (command: string): ReturnType<typeof fetchHistory> =>
        fetchHistory(later, timeline(2), {
          command,
          timeoutMs: 20_000,
          signal: new AbortController().signal,
        });
      assert.deepEqual(await fetch('cp pg_wal/%f %p'), { kind: 'found', history: promoted.history });
      assert.equal((await fetch('exit 1')).kind, 'missing');
      assert.equal((await fetch('true')).kind, 'missing');
      await assert.rejects(fetch('echo none > %p'), damaged);
      assert.ok(!existsSync(join(standby.dataFolder, 'pg_wal', 'RECOVERYHISTORY')));
      writeFileSync(history, 'none\n');
      await assert.rejects(readDataFolder(standby.dataFolder), damaged);
      rmSync(history);
      assert.equal((await readDataFolder(standby.dataFolder)).history, undefined);
    });

    test('is refused when it is another one, or what tells of it is damaged', async () => {
      await using server = await primaryWithSlot(major);
      await server.stop();
      const copy = join(await temporaryFolder('copy'), 'data');
      cpSync(server.dataFolder, copy, { recursive: true });
      assert.equal((await readDataFolder(copy)).slots.length, 1);
      const control = join(copy, 'global', 'pg_control');
      truncateSync(control, 4096);
      await assert.rejects(readDataFolder(copy), {
        ...damaged,
        message: /pg_control is damaged: it has 4096 bytes/,
      });
      rmSync(control);
      await assert.rejects(readDataFolder(copy), { ...damaged, message: /pg_control could not be read/ });
      const bytes = readFileSync(join(server.dataFolder, 'global', 'pg_control'));
      bytes.writeUInt8(bytes.readUInt8(50) ^ 1, 50);
      writeFileSync(control, bytes);
      await assert.rejects(readDataFolder(copy), { ...damaged, message: /checksum/ });
      cpSync(join(server.dataFolder, 'global', 'pg_control'), control);
      writeFileSync(join(copy, 'PG_VERSION'), `${major === 18 ? 17 : 18}\n`);
      await assert.rejects(readDataFolder(copy), { ...damaged, message: /by its PG_VERSION/ });
      writeFileSync(join(copy, 'PG_VERSION'), '12\n');
      await assert.rejects(readDataFolder(copy), { ...damaged, message: /supported are 13/ });
      await assert.rejects(readDataFolder(join(copy, 'global')), {
        ...damaged,
        message: /no data directory/,
      });
      await assert.rejects(readDataFolder(join(copy, 'nowhere')), {
        ...damaged,
        message: /no data directory/,
      });
    });

    test('shows the slots that stand in it, and what is wrong with them', async () => {
      await using server = await primaryWithSlot(major);
      await server.stop();
      const slots = join(server.dataFolder, 'pg_replslot');
      const { slot } = slotIn(await readDataFolder(server.dataFolder), 'app');
      const put = (folder: string, state: Uint8Array | undefined): void => {
        mkdirSync(join(slots, folder));
        if (state !== undefined) {
          writeFileSync(join(slots, folder, 'state'), state);
        }
      };
      put('cut', encodeSlotFile(slot, major).subarray(0, 100));
      put('empty', undefined);
      put('moved', encodeSlotFile({ ...slot, name: parseSlotName('other') }, major));
      put('begun.tmp', undefined);
      writeFileSync(join(slots, 'stray'), '');
      const folder = await readDataFolder(server.dataFolder);
      assert.deepEqual(folder.leftovers, ['begun.tmp']);
      assert.deepEqual(
        folder.slots.map((entry) => [
          entry.folder,
          entry.kind,
          entry.kind === 'unreadable' ? entry.why.replace(/open .*/, 'open') : entry.slot.name,
        ]),
        [
          ['app', 'slot', 'app'],
          ['cut', 'unreadable', `it has 100 bytes, ${major === 13 ? 184 : 200} are expected`],
          ['empty', 'unreadable', 'ENOENT: no such file or directory, open'],
          ['moved', 'misplaced', 'other'],
        ],
      );
      const taken = ['app', 'cut', 'moved', 'other', 'begun', 'stray', 'new'].filter((name) =>
        isTaken(folder, parseSlotName(name)),
      );
      assert.deepEqual(taken, ['app', 'cut', 'moved', 'other']);
    });
  });
}

test('a server whose sessions outlive its postmaster is taken for running', { timeout: 60_000 }, async () => {
  await using server = await primaryWithSlot(18);
  const client = new pg.Client(server.connectionOptions());
  // The connection ends with its session.
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const session = rows[0]?.pid;
  assert.ok(session !== undefined);
  const postmaster = Number(readFileSync(join(server.dataFolder, 'postmaster.pid'), 'utf8').split('\n')[0]);
  process.kill(session, 'SIGSTOP');
  process.kill(postmaster, 'SIGKILL');
  const judge = async (): Promise<string> => (await readDataFolder(server.dataFolder)).server.kind;
  await waitUntil(() => !server.isRunning, { describe: 'the end of the postmaster' });
  assert.equal(await judge(), 'running');
  process.kill(session, 'SIGCONT');
  await waitUntil(async () => (await judge()) === 'crashed', { describe: 'the end of the session' });
  await server.start();
});
