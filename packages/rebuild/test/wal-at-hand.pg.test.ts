import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { lsn, parseLsn, timeline } from '@slotcast/domain';
import {
  type DataFolder,
  type RestoreCommand,
  readDataFolder,
  runningAtHand,
  type WalRange,
  walAtHand,
} from '@slotcast/rebuild';
import { type PostgresServer, temporaryFolder } from '@slotcast/testkit';
import { INSTALL_MAJORS, primaryWithSlot, slotIn } from './stopped-servers.ts';

const SEGMENT = 0x1000000n;

function rangeOf(folder: DataFolder, from: bigint, to: bigint): WalRange {
  assert.ok(folder.history);
  return { folder, history: folder.history, from: lsn(from), to: lsn(to) };
}

function restoring(command: string): RestoreCommand {
  return { command, timeoutMs: 20_000, signal: new AbortController().signal };
}

async function files(range: WalRange, restore?: RestoreCommand): Promise<readonly string[]> {
  return (await walAtHand(range, restore)).missing.map(({ file }) => file);
}

async function switchWal(server: PostgresServer, times: number): Promise<void> {
  for (let count = 0; count < times; count += 1) {
    await server.query('insert into rows values (9)');
    await server.query('select pg_switch_wal()');
  }
}

/** An archive with what is in `pg_wal`, where the server's own user may read. */
async function archiveOf(server: PostgresServer): Promise<string> {
  const archive = await temporaryFolder('archive');
  const wal = join(server.dataFolder, 'pg_wal');
  for (const name of readdirSync(wal).filter((entry) => /^[0-9A-F]{24}$/.test(entry))) {
    writeFileSync(join(archive, name), readFileSync(join(wal, name)), { mode: 0o644 });
  }
  return archive;
}

for (const major of INSTALL_MAJORS) {
  describe(`the WAL that a slot needs, in the folder of a server of ${major}`, { timeout: 120_000 }, () => {
    test('is there, is missing, or is brought by the restore command', async () => {
      await using server = await primaryWithSlot(major);
      await switchWal(server, 3);
      await server.stop();
      const folder = await readDataFolder(server.dataFolder);
      const { slot } = slotIn(folder, 'app');
      const range = rangeOf(folder, slot.restartLsn ?? 0n, folder.control.checkpointLsn);
      assert.ok(range.to / SEGMENT > range.from / SEGMENT + 2n);
      assert.deepEqual(await walAtHand(range), { missing: [], restored: [] });

      const archive = await archiveOf(server);
      const wal = join(server.dataFolder, 'pg_wal');
      const first = `0000000100000000000000${(range.from / SEGMENT).toString(16).padStart(2, '0').toUpperCase()}`;
      const second = `0000000100000000000000${(range.from / SEGMENT + 1n).toString(16).padStart(2, '0').toUpperCase()}`;
      // One is gone, and one has the name of its place and the content of another, as a recycled file.
      renameSync(join(wal, first), join(wal, second));
      assert.deepEqual(await files(range), [first, second]);
      const { missing } = await walAtHand(range);
      assert.match(missing[0]?.why ?? '', /not there/);
      assert.match(missing[1]?.why ?? '', /is that of 0\/1000000/);
      assert.deepEqual(await files(rangeOf(folder, range.from + 2n * SEGMENT, range.to)), []);

      // Commands that fail, bring another file, or bring a part of it.
      for (const command of [
        'exit 1',
        `cp ${archive}/${second} %p && exit 2`,
        `cp ${archive}/nothing %p`,
        `head -c 8192 ${archive}/%f > %p`,
        `cp global/pg_control %p`,
        'true',
      ]) {
        const { missing: still, restored } = await walAtHand(range, restoring(command));
        assert.deepEqual([still.map(({ file }) => file), restored], [[first, second], []], command);
        assert.ok(!existsSync(join(wal, 'RECOVERYXLOG')));
        assert.ok(!existsSync(join(wal, first)));
      }
      const other = await walAtHand(range, restoring(`cp ${archive}/${first} %p`));
      assert.deepEqual([other.missing.map(({ file }) => file), other.restored], [[second], [first]]);
      const all = await walAtHand(range, restoring(`cp ${archive}/%f %p`));
      assert.deepEqual(all, { missing: [], restored: [second] });
      assert.deepEqual(await walAtHand(range), { missing: [], restored: [] });
      const { uid, mode } = statSync(join(wal, first));
      assert.deepEqual([uid, mode & 0o777], [folder.owner.uid, 0o600]);
      assert.ok(existsSync(join(wal, 'archive_status', `${first}.done`)));
      assert.equal(runningAtHand(range, range.from).kind, 'none');
      assert.equal(runningAtHand(range, lsn(range.from + 8n)).kind, 'unknown');

      // It was not yet written to its end when it was recycled.
      const begun = readFileSync(join(archive, first));
      begun.set(readFileSync(join(archive, second)).subarray(0, 8192), begun.length - 8192);
      writeFileSync(join(wal, first), begun);
      assert.deepEqual(await files(range), [first]);

      truncateSync(join(wal, first), 1000);
      assert.match((await walAtHand(range)).missing[0]?.why ?? '', /1000 bytes/);
      assert.equal((await walAtHand(range, restoring(`cp ${archive}/%f %p`))).missing.length, 0);
      await server.start();
      const rows = await server.query("select from pg_logical_slot_get_changes('app', null, null)");
      assert.ok(rows.length > 3);
    });

    test('is looked for on the timeline that was current there', async () => {
      await using primary = await primaryWithSlot(major);
      const standby = await primary.addStandby({ name: 'standby' });
      await primary.query("select pg_create_logical_replication_slot('old', 'pgoutput')");
      const [made] = await primary.query<{ lsn: string }>(
        "select restart_lsn as lsn from pg_replication_slots where slot_name = 'old'",
      );
      assert.ok(made);
      await switchWal(primary, 1);
      await primary.query('insert into rows values (4)');
      await primary.waitForReplay(standby);
      const before = parseLsn(await standby.currentLsn());
      await primary.stop();
      await standby.promote();
      await standby.query('create table later (id int)');
      await switchWal(standby, 1);
      await standby.query("select pg_create_logical_replication_slot('app', 'test_decoding')");
      await standby.query('checkpoint');
      await standby.stop();
      const folder = await readDataFolder(standby.dataFolder);
      const range = rangeOf(folder, before - SEGMENT, folder.control.checkpointLsn);
      assert.deepEqual(await files(range), []);
      const wal = join(standby.dataFolder, 'pg_wal');
      const number = (before / SEGMENT).toString(16).padStart(2, '0').toUpperCase();
      // The old timeline ended within this one; decoding opens the file of the new one.
      const both = [`0000000100000000000000${number}`, `0000000200000000000000${number}`] as const;
      const aside = join(wal, 'aside');
      mkdirSync(aside);
      renameSync(join(wal, both[1]), join(aside, both[1]));
      assert.deepEqual(await files(range), [both[1]]);
      renameSync(join(aside, both[1]), join(wal, both[1]));
      assert.deepEqual(await files(range), []);
      assert.equal(runningAtHand(range, slotIn(folder, 'app').slot.restartLsn ?? before).kind, 'none');
      assert.equal(runningAtHand(range, parseLsn(made.lsn)).kind, 'none');
      // On a line that never left the first timeline these are other files.
      const straight = { ...range, history: { timeline: timeline(1), ancestors: [] } };
      assert.ok((await files(straight)).length >= 1);
      assert.equal(runningAtHand(straight, slotIn(folder, 'app').slot.restartLsn ?? before).kind, 'unknown');
    });
  });
}
