import { execFile } from 'node:child_process';
import { cp, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { SystemUser } from './child-process.ts';
import { temporaryFolder } from './run-folder.ts';
import { unprivilegedUser } from './unprivileged-user.ts';

const run = promisify(execFile);

/** The major versions of PostgreSQL that the test kit can start. */
export const POSTGRES_MAJORS = [13, 14, 15, 16, 17, 18] as const;

export type PostgresMajor = (typeof POSTGRES_MAJORS)[number];

/** The programs of one major version, and the user that may run them. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Set when this process is root. */
  readonly user: SystemUser | undefined;
}

interface PackagedSymlink {
  readonly source: string;
  readonly target: string;
}

function isPackagedSymlink(value: unknown): value is PackagedSymlink {
  return (
    typeof value === 'object' &&
    value !== null &&
    'source' in value &&
    typeof value.source === 'string' &&
    'target' in value &&
    typeof value.target === 'string'
  );
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function packageFolder(major: PostgresMajor): string {
  const name = `postgres-${major}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new Error(
      `PostgreSQL ${major} is not installed: the optional npm package ${name} (Linux on x64 only) is missing; run "npm ci"`,
      { cause },
    );
  }
}

/** npm packages cannot hold symbolic links, so the package lists those that its shared libraries need. */
async function createMissingSymlinks(folder: string): Promise<void> {
  const listed: unknown = JSON.parse(await readFile(join(folder, 'native', 'pg-symlinks.json'), 'utf8'));
  if (!Array.isArray(listed) || !listed.every(isPackagedSymlink)) {
    throw new Error(`${folder}/native/pg-symlinks.json is not a list of { source, target }`);
  }
  for (const { source, target } of listed) {
    try {
      // Source and target share a folder, so a bare name still holds when the package is copied elsewhere.
      await symlink(basename(source), join(folder, target));
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) {
        throw new Error(`Could not create the symbolic link ${join(folder, target)}`, { cause: error });
      }
    }
  }
}

function inFolder(folder: string, user: SystemUser | undefined): PostgresBinaries {
  return {
    initdb: join(folder, 'native', 'bin', 'initdb'),
    postgres: join(folder, 'native', 'bin', 'postgres'),
    user,
  };
}

/**
 * Makes the programs below `folder` usable for `user`. A checkout in a home folder is often closed to others; then a copy
 * in the run folder of this process is used. Throws when the programs do not run at all on this machine.
 */
export async function usableBinaries(
  folder: string,
  user: SystemUser | undefined,
): Promise<PostgresBinaries> {
  await createMissingSymlinks(folder);
  const installed = inFolder(folder, user);
  try {
    await run(installed.postgres, ['--version'], { cwd: '/', ...user });
    return installed;
  } catch (error) {
    if (user === undefined || !hasCode(error, 'EACCES')) {
      throw new Error(`${installed.postgres} cannot be run on this machine`, { cause: error });
    }
  }
  const copy = await temporaryFolder('postgres-binaries');
  await cp(join(folder, 'native'), join(copy, 'native'), { recursive: true, verbatimSymlinks: true });
  return inFolder(copy, user);
}

const known = new Map<PostgresMajor, Promise<PostgresBinaries>>();

/** The programs of a major version from its npm package. Throws when the package is missing or does not run here. */
export function postgresBinaries(major: PostgresMajor): Promise<PostgresBinaries> {
  let binaries = known.get(major);
  if (binaries === undefined) {
    binaries = usableBinaries(packageFolder(major), unprivilegedUser());
    known.set(major, binaries);
  }
  return binaries;
}

/** The version of a major version's programs, such as 18.4. */
export async function postgresVersion(major: PostgresMajor): Promise<string> {
  const { stdout } = await run((await postgresBinaries(major)).postgres, ['--version']);
  return /[0-9][^ ]*/.exec(stdout.replace(/^.*\) /, ''))?.[0]?.trim() ?? stdout.trim();
}
