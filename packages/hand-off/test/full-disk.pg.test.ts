import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isLogical, isPlaceholder, parseSlotName } from '@slotcast/domain';
import { systemClock } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';
import { connectPostgres, DatabaseSessions, observePrimary } from '@slotcast/postgres';
import { type PostgresServer, startPrimary, temporaryFolder } from '@slotcast/testkit';
import { EVERYTHING, moverAlone, planOf } from './plans.ts';
import { optionsFor, ROLE } from './promoted-servers.ts';

const DISK_BYTES = 65_536;

/** A disk of its own for the slots of a server. */
class SlotDisk {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** The server is restarted. */
  static async under(server: PostgresServer): Promise<SlotDisk> {
    const folder = join(server.dataFolder, 'pg_replslot');
    const aside = await temporaryFolder('slots');
    const { uid, gid } = await stat(folder);
    await server.stop();
    execFileSync('cp', ['-a', `${folder}/.`, aside]);
    const options = `size=${DISK_BYTES},mode=700,uid=${uid},gid=${gid}`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
    const disk = new SlotDisk(folder);
    try {
      execFileSync('cp', ['-a', `${aside}/.`, folder]);
      await server.start();
      return disk;
    } catch (error) {
      await disk[Symbol.asyncDispose]();
      throw error;
    } finally {
      await rm(aside, { recursive: true });
    }
  }

  /** Leaves no room for another byte. */
  async fill(): Promise<void> {
    await assert.rejects(writeFile(join(this.#folder, 'fill'), Buffer.alloc(DISK_BYTES)), /ENOSPC/);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The server may hold files of it open.
    execFileSync('umount', ['--lazy', this.#folder]);
  }
}

test('a slot that must not be used goes without a copy where the disk is full', {
  timeout: 180_000,
  skip: process.getuid?.() !== 0 && 'only root can give a server another disk',
}, async () => {
  await using server = await startPrimary({ major: 18 });
  await server.createRole(ROLE);
  await server.query("select pg_create_logical_replication_slot('app1', 'pgoutput')");
  await using disk = await SlotDisk.under(server);
  await disk.fill();
  const { signal } = new AbortController();
  const connection = await connectPostgres(optionsFor(server));
  const sessions = new DatabaseSessions(optionsFor(server), () => undefined, signal);
  try {
    const before = await observePrimary(connection);
    assert.ok(!before.inRecovery);
    const [seen] = before.slots.filter(isLogical);
    assert.ok(seen);
    const named = { slot: seen.name, copy: parseSlotName('app1_diverged'), plugin: 'pgoutput' };
    const database = { name: 'postgres', oid: undefined };
    const quarantine = { ...named, database, reason: 'tested', seen };
    const logger = createLogger({ level: 'silent', fields: {} });
    const mover = moverAlone({ sessions, clock: systemClock, logger, signal });
    assert.deepEqual(await mover.run(planOf({ quarantines: [quarantine] }), EVERYTHING), new Map());
    const after = await observePrimary(connection);
    assert.ok(!after.inRecovery);
    assert.deepEqual(after.slots.map(isPlaceholder), [true]);
  } finally {
    await sessions.close();
    await connection.close();
  }
});
