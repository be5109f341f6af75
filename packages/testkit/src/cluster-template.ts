import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresBinaries, PostgresMajor } from './postgres-binaries.ts';
import { processRunFolder } from './run-folder.ts';
import { renewSystemIdentifier } from './system-identifier.ts';

const run = promisify(execFile);

export const SUPERUSER = 'postgres';

/** A folder in which the processes of one run of the tests share what initdb has made; else each process has its own. */
const FOLDER_VARIABLE = 'SLOTCAST_TEST_TEMPLATES';

/**
 * Makes the data folder of a new cluster with a system identifier of its own. It is a copy of what initdb made once per major version,
 * because initdb takes a second of processor time each time.
 */
export async function createCluster(options: {
  readonly major: PostgresMajor;
  readonly binaries: PostgresBinaries;
  /** Must not exist; its parent belongs to the user of the binaries. */
  readonly dataFolder: string;
}): Promise<void> {
  const { major, binaries, dataFolder } = options;
  const template = await templateOf(major, binaries);
  await run('cp', ['-a', template, dataFolder], { cwd: '/', ...binaries.user });
  await renewSystemIdentifier(dataFolder);
}

/** Where what was made once is kept for the rest of the run. */
export function templatesFolder(): string {
  return process.env[FOLDER_VARIABLE] ?? processRunFolder();
}

async function templateOf(major: PostgresMajor, binaries: PostgresBinaries): Promise<string> {
  const folder = templatesFolder();
  const template = join(folder, `postgres-${major}`);
  if (existsSync(template)) {
    return join(template, 'data');
  }
  const begun = await mkdtemp(join(folder, `postgres-${major}-`));
  try {
    if (binaries.user !== undefined) {
      await chown(begun, binaries.user.uid, binaries.user.gid);
    }
    await run(
      binaries.initdb,
      [
        ['-D', join(begun, 'data')],
        ['-U', SUPERUSER, '--auth=trust'],
        ['--no-locale', '--encoding=UTF8', '--no-sync'],
      ].flat(),
      { cwd: '/', ...binaries.user },
    );
    await rename(begun, template);
  } catch (error) {
    await rm(begun, { recursive: true, force: true });
    // Another process may have been first.
    if (!existsSync(template)) {
      throw error;
    }
  }
  return join(template, 'data');
}
