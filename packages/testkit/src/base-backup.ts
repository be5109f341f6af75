import { chown, copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import type { SystemUser } from './child-process.ts';
import type { PostgresMajor } from './postgres-binaries.ts';
import { withClient } from './sql-client.ts';

/** Folders whose content a backup must not take along (PostgreSQL documentation, "Making a base backup"). */
const EMPTY_FOLDERS: ReadonlySet<string> = new Set([
  'pg_wal',
  'pg_replslot',
  'pg_dynshmem',
  'pg_notify',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
]);

const OMITTED_FILES: ReadonlySet<string> = new Set([
  'postmaster.pid',
  'postmaster.opts',
  'backup_label',
  'backup_manifest',
  'tablespace_map',
  'standby.signal',
  'recovery.signal',
  'pg_internal.init',
]);

const CONTROL_FILE = 'global/pg_control';

export interface BaseBackupOptions {
  readonly major: PostgresMajor;
  /** How to reach the running server as a superuser. */
  readonly connection: pg.ClientConfig;
  /** The data folder of the running server. */
  readonly from: string;
  /** The new data folder; must not exist or be empty. */
  readonly to: string;
  /** Who is to own the copy, if not this process's user. */
  readonly user: SystemUser | undefined;
}

async function copyOwned(from: string, to: string, user: SystemUser | undefined): Promise<void> {
  try {
    await copyFile(from, to);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      // The running server removed the file; WAL replay does the same on the copy.
      return;
    }
    throw error;
  }
  await giveTo(to, user);
}

async function giveTo(path: string, user: SystemUser | undefined): Promise<void> {
  if (user !== undefined) {
    await chown(path, user.uid, user.gid);
  }
}

async function copyTree(options: BaseBackupOptions, relative: string): Promise<void> {
  const to = join(options.to, relative);
  await mkdir(to, { recursive: true, mode: 0o700 });
  await giveTo(to, options.user);
  if (EMPTY_FOLDERS.has(relative)) {
    return;
  }
  const entries = await readdir(join(options.from, relative), { withFileTypes: true });
  for (const entry of entries) {
    const path = join(relative, entry.name);
    if (entry.isSymbolicLink()) {
      throw new Error(
        `Cannot take a base backup of ${options.from}: ${path} is a symbolic link (a tablespace?)`,
      );
    }
    if (entry.isDirectory()) {
      await copyTree(options, path);
    }
  }
  const files = entries.filter((entry) => entry.isFile() && !OMITTED_FILES.has(entry.name));
  await Promise.all(
    files
      .map((file) => join(relative, file.name))
      .filter((path) => path !== CONTROL_FILE)
      .map((path) => copyOwned(join(options.from, path), join(options.to, path), options.user)),
  );
}

/**
 * Copies the data folder of a running server, primary or standby, into a new one, by the low-level backup functions. WAL
 * is not part of the copy: the new server has to stream it from the backup's start on. Slots are not taken along either.
 */
export async function takeBaseBackup(options: BaseBackupOptions): Promise<void> {
  const isRenamed = options.major >= 15;
  const label = await withClient(options.connection, async (client) => {
    await client.query(
      isRenamed
        ? "select pg_backup_start('testkit', fast => true)"
        : "select pg_start_backup('testkit', true, false)",
    );
    await copyTree(options, '');
    // On a standby the control file says how far the copy must be replayed to be consistent, so it has to be the newest.
    await copyOwned(join(options.from, CONTROL_FILE), join(options.to, CONTROL_FILE), options.user);
    const { rows } = await client.query<{ labelfile: string }>(
      isRenamed ? 'select labelfile from pg_backup_stop()' : 'select labelfile from pg_stop_backup(false)',
    );
    return rows[0]?.labelfile;
  });
  if (label === undefined) {
    throw new Error(`The end of the base backup of ${options.from} returned no backup_label`);
  }
  const labelFile = join(options.to, 'backup_label');
  await writeFile(labelFile, label, { mode: 0o600 });
  await giveTo(labelFile, options.user);
}
