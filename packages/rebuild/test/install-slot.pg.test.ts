import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decodingSnapshotName } from '@slotcast/data-folder';
import { formatLsn, lsn, parseSlotName } from '@slotcast/domain';
import { installSlot, installSteps, readDataFolder } from '@slotcast/rebuild';
import type { PostgresServer } from '@slotcast/testkit';
import {
  INSTALL_MAJORS,
  likeApp,
  pendingRows,
  primaryWithSlot,
  slotIn,
  slotRows,
} from './stopped-servers.ts';

/** A physical slot that holds nothing. */
const NO_SLOT = {
  plugin: null,
  datoid: null,
  temporary: false,
  xmin: null,
  catalog_xmin: null,
  confirmed_flush_lsn: null,
};
const FIXTURE = fileURLToPath(new URL('fixtures/install-and-die.ts', import.meta.url));

function modeOf(path: string): string {
  const { mode, uid } = statSync(path);
  return `${(mode & 0o777).toString(8)} ${uid}`;
}

/** A snapshot that the server wrote. */
async function makeSnapshot(server: PostgresServer): Promise<Buffer> {
  await server.query("select pg_create_logical_replication_slot('maker', 'test_decoding')");
  await server.query('checkpoint');
  await server.query("select count(*) from pg_logical_slot_get_changes('maker', null, null)");
  await server.query("select pg_drop_replication_slot('maker')");
  const folder = join(server.dataFolder, 'pg_logical', 'snapshots');
  const [name] = readdirSync(folder);
  assert.ok(name);
  return readFileSync(join(folder, name));
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const byte = Math.floor(at / 8);
  copy.writeUInt8(copy.readUInt8(byte) ^ (1 << (at % 8)), byte);
  return copy;
}

function dieAfter(server: PostgresServer, name: string, step: string, mode: string): void {
  const options = ['--conditions=source', '--import', 'tsx', FIXTURE, server.dataFolder, name, step, mode];
  const { signal, stderr } = spawnSync(process.execPath, options, { encoding: 'utf8' });
  assert.equal(signal, 'SIGKILL', stderr);
}

test('a slot is not put into the folder of another user', {
  timeout: 60_000,
  skip: process.getuid?.() !== 0 && 'only root can become another user',
}, async () => {
  await using server = await primaryWithSlot(18);
  await server.stop();
  const fixture = fileURLToPath(new URL('fixtures/install-as-other.ts', import.meta.url));
  const other = String(statSync(server.dataFolder).uid - 1);
  const options = ['--conditions=source', '--import', 'tsx', fixture, server.dataFolder, other];
  const { stdout, stderr } = spawnSync(process.execPath, options, { encoding: 'utf8' });
  assert.equal(stdout, 'SC_INSTALL_FAILED\nSC_DATA_FOLDER\n', stderr);
  assert.deepEqual(readdirSync(join(server.dataFolder, 'pg_replslot')), ['app']);
});

test('a slot has the modes of a folder that the group may read', { timeout: 60_000 }, async () => {
  await using server = await primaryWithSlot(18);
  await server.stop();
  chmodSync(server.dataFolder, 0o750);
  await installSlot(await likeApp(server, 'copy'));
  const path = join(server.dataFolder, 'pg_replslot', 'copy');
  assert.match(modeOf(path), /^750 /);
  assert.match(modeOf(join(path, 'state')), /^640 /);
  await server.start();
  assert.deepEqual([...(await slotRows(server)).keys()], ['app', 'copy']);
});

for (const major of INSTALL_MAJORS) {
  describe(`a slot that is put into a stopped server of ${major}`, { timeout: 120_000 }, () => {
    test('is there when it starts, delivers what it has to, and has the modes of the folder', async () => {
      await using server = await primaryWithSlot(major);
      await server.stop();
      const { folder, slot } = await likeApp(server, 'copy');
      await installSlot({ folder, slot });
      const replica = { databaseOid: 0, plugin: '', catalogXmin: undefined, confirmedFlushLsn: undefined };
      const physical = { ...slot, ...replica, twoPhaseAt: undefined, name: parseSlotName('replica') };
      await installSlot({ folder, slot: physical });
      const slots = join(server.dataFolder, 'pg_replslot');
      assert.deepEqual(readdirSync(slots).toSorted(), ['app', 'copy', 'replica']);
      for (const path of ['', 'state']) {
        assert.equal(modeOf(join(slots, 'copy', path)), modeOf(join(slots, 'app', path)));
      }
      // What was read of the folder before does not know of it.
      await assert.rejects(installSlot({ folder, slot }), { code: 'SC_SLOT_EXISTS' });
      await server.start();
      const rows = await slotRows(server);
      assert.deepEqual(rows.get('copy'), rows.get('app'));
      assert.deepEqual(rows.get('replica'), {
        ...NO_SLOT,
        restart_lsn: formatLsn(slot.restartLsn ?? lsn(1n)),
      });
      assert.equal((await pendingRows(server, 'copy')).length, 3);
      assert.deepEqual(await pendingRows(server, 'copy'), await pendingRows(server, 'app'));
      await server.query("select pg_drop_replication_slot('copy')");
    });

    test('replaces one of its name only as that was seen, and is not put beside it', async () => {
      await using server = await primaryWithSlot(major);
      await server.stop();
      const { folder, slot } = await likeApp(server, 'app');
      const { bytes } = slotIn(folder, 'app');
      const moved = { ...slot, confirmedFlushLsn: lsn((slot.confirmedFlushLsn ?? 0n) + 8n) };
      await assert.rejects(installSlot({ folder, slot: moved }), { code: 'SC_SLOT_EXISTS' });
      const other = flipped(bytes, 8 * 96);
      await assert.rejects(installSlot({ folder, slot: moved, replace: { expected: other } }), {
        code: 'SC_SLOT_EXISTS',
      });
      const gone = { ...moved, name: parseSlotName('gone') };
      await assert.rejects(installSlot({ folder, slot: gone, replace: { expected: bytes } }), {
        code: 'SC_SLOT_EXISTS',
      });
      // It changes while the new one is written.
      const state = join(server.dataFolder, 'pg_replslot', 'app', 'state');
      const change = (step: string): void => {
        if (step === 'state_checked') {
          writeFileSync(state, other);
        }
      };
      await assert.rejects(
        installSlot({ folder, slot: moved, replace: { expected: bytes }, afterStep: change }),
        {
          code: 'SC_SLOT_EXISTS',
        },
      );
      assert.ok(readFileSync(state).equals(other));
      writeFileSync(state, bytes);
      await installSlot({ folder, slot: moved, replace: { expected: bytes } });
      assert.deepEqual(readdirSync(join(server.dataFolder, 'pg_replslot', 'app')), ['state']);
      await server.start();
      const [row] = await server.query<{ moved: string }>(
        'select (confirmed_flush_lsn - $1::pg_lsn)::int as moved from pg_replication_slots',
        [`0/${(slot.confirmedFlushLsn ?? 0n).toString(16)}`],
      );
      assert.equal(row?.moved, 8);
    });

    test('leaves a server that starts when its writer is killed after any step', async () => {
      await using server = await primaryWithSlot(major);
      const snapshot = await makeSnapshot(server);
      await server.stop();
      for (const step of installSteps) {
        dieAfter(server, `at_${step}`, step, snapshot.toString('base64'));
      }
      // What they left behind is no hindrance to the next.
      const whole = await likeApp(server, 'at_state_written');
      const placed = join(
        server.dataFolder,
        'pg_logical',
        'snapshots',
        decodingSnapshotName(whole.slot.restartLsn ?? lsn(1n)),
      );
      assert.ok(readFileSync(placed).equals(snapshot));
      await installSlot(whole);
      for (const step of ['state_written', 'state_checked', 'slot_placed']) {
        dieAfter(server, 'at_slot_placed', step, 'replace');
      }
      await server.start();
      assert.deepEqual([...(await slotRows(server)).keys()], ['app', 'at_slot_placed', 'at_state_written']);
      assert.deepEqual(readdirSync(join(server.dataFolder, 'pg_replslot')).toSorted(), [
        'app',
        'at_slot_placed',
        'at_state_written',
      ]);
    });

    test('is refused while the server runs, with a damaged snapshot, and where it cannot be written', async () => {
      await using server = await primaryWithSlot(major);
      const snapshot = await makeSnapshot(server);
      const copy = await likeApp(server, 'copy');
      assert.equal(copy.folder.server.kind, 'running');
      await assert.rejects(installSlot(copy), { code: 'SC_SERVER_RUNNING' });
      await server.kill();
      assert.equal((await readDataFolder(server.dataFolder)).server.kind, 'crashed');
      const failed = { code: 'SC_INSTALL_FAILED' };
      await assert.rejects(installSlot({ ...copy, snapshot: flipped(snapshot, 500) }), failed);
      const snapshots = join(server.dataFolder, 'pg_logical', 'snapshots');
      const before = readdirSync(snapshots);
      // The state file is the last to be written: the snapshot is taken back.
      const slots = join(server.dataFolder, 'pg_replslot');
      renameSync(slots, `${slots}.aside`);
      const inTheWay = (step: string): void => {
        if (step === 'snapshot_placed') {
          renameSync(slots, `${slots}.empty`);
        }
      };
      mkdirSync(slots);
      await assert.rejects(installSlot({ ...copy, snapshot, afterStep: inTheWay }), failed);
      renameSync(`${slots}.aside`, slots);
      assert.deepEqual(readdirSync(snapshots), before);
      assert.deepEqual(readdirSync(slots), ['app']);
      await installSlot({ ...copy, snapshot });
      rmdirSync(`${slots}.empty`);
      await server.start();
      assert.deepEqual([...(await slotRows(server)).keys()], ['app', 'copy']);
    });
  });
}
