import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { installSlot } from '@slotcast/rebuild';
import { type PostgresServer, temporaryFolder } from '@slotcast/testkit';
import { INSTALL_MAJORS, likeApp, primaryWithSlot, slotRows } from './stopped-servers.ts';

const DISK_BYTES = 65_536;
const skip = process.getuid?.() !== 0 && 'only root can give a server another disk';

/** A small disk for a folder of a stopped server. */
async function smallDisk(
  server: PostgresServer,
  name: string,
): Promise<AsyncDisposable & { readonly fill: () => Promise<void> }> {
  const folder = join(server.dataFolder, name);
  const aside = await temporaryFolder('aside');
  const { uid, gid } = statSync(folder);
  execFileSync('cp', ['-a', `${folder}/.`, aside]);
  const options = `size=${DISK_BYTES},mode=700,uid=${uid},gid=${gid}`;
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
  execFileSync('cp', ['-a', `${aside}/.`, folder]);
  return {
    /** Leaves no room for another byte. */
    async fill() {
      await assert.rejects(writeFile(join(folder, 'fill'), Buffer.alloc(DISK_BYTES)), /ENOSPC/);
    },
    // The server may hold files of it open.
    async [Symbol.asyncDispose]() {
      execFileSync('umount', ['--lazy', folder]);
      execFileSync('cp', ['-a', `${aside}/.`, folder]);
      await rm(aside, { recursive: true });
    },
  };
}

async function makeSnapshot(server: PostgresServer): Promise<Buffer> {
  await server.query("select count(*) from pg_logical_slot_peek_changes('app', null, null)");
  await server.query('checkpoint');
  await server.query("select count(*) from pg_logical_slot_peek_changes('app', null, null)");
  const folder = join(server.dataFolder, 'pg_logical', 'snapshots');
  const [name] = readdirSync(folder);
  assert.ok(name);
  return readFileSync(join(folder, name));
}

for (const major of INSTALL_MAJORS) {
  describe(`on a full disk of a server of ${major}`, { timeout: 120_000, skip }, () => {
    for (const [what, name] of [
      ['a state file', 'pg_replslot'],
      ['a decoding snapshot', join('pg_logical', 'snapshots')],
    ] as const) {
      test(`nothing stays of ${what}, and the server starts`, async () => {
        await using server = await primaryWithSlot(major);
        const snapshot = await makeSnapshot(server);
        await server.stop();
        const copy = await likeApp(server, 'copy');
        const slots = join(server.dataFolder, 'pg_replslot');
        const snapshots = join(server.dataFolder, 'pg_logical', 'snapshots');
        const before = readdirSync(snapshots);
        {
          await using disk = await smallDisk(server, name);
          await disk.fill();
          await assert.rejects(installSlot({ ...copy, snapshot }), {
            code: 'SC_INSTALL_FAILED',
            message: /ENOSPC/,
            remedy: /Make room/,
          });
          assert.deepEqual(
            readdirSync(slots).filter((entry) => entry !== 'fill'),
            ['app'],
          );
          assert.deepEqual(
            readdirSync(snapshots).filter((entry) => entry !== 'fill'),
            before,
          );
          await server.start();
          assert.deepEqual([...(await slotRows(server)).keys()], ['app']);
          await server.stop('immediate');
        }
      });
    }
  });
}
