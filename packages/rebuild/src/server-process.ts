import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SlotcastError } from '@slotcast/kernel';
import { readText, systemCode, unlessMissing } from './file-error.ts';

/** Whether a server runs on a data folder. */
export type ServerProcess =
  | { readonly kind: 'stopped' }
  /** `postmaster.pid` is there, but the server that wrote it is not: it crashed, or its machine did. */
  | { readonly kind: 'crashed'; readonly pid: number }
  /** It runs, or it cannot be ruled out. */
  | { readonly kind: 'running'; readonly why: string };

/** In `postmaster.pid` (LOCK_FILE_LINE_SHMEM_KEY): key and identifier of the shared memory. */
const SHARED_MEMORY_LINE = 6;
const SHARED_MEMORY_LIST = '/proc/sysvipc/shm';
/** Columns of that list. */
const ID_COLUMN = 1;
const ATTACHED_COLUMN = 6;

/**
 * Judges by `postmaster.pid` as a starting server does (`CreateLockFile`): a process of that number, or one that is still attached to the server's shared memory, as a session that outlived
 * its postmaster is. More is taken for running than there: a process of another user, and whatever cannot be found out.
 */
export async function readServerProcess(dataFolder: string): Promise<ServerProcess> {
  const path = join(dataFolder, 'postmaster.pid');
  const text = await readText(path);
  if (text === undefined) {
    return { kind: 'stopped' };
  }
  const lines = text.split('\n').map((line) => line.trim());
  // A server in single-user mode writes a negative one.
  const pid = Math.abs(Number(lines[0]));
  if (!Number.isInteger(pid) || pid === 0 || lines[0] === '') {
    return { kind: 'running', why: `${path} holds no process number` };
  }
  if (isAlive(pid)) {
    return { kind: 'running', why: `${path} names process ${pid}, which is there` };
  }
  const [, sharedMemory] = (lines[SHARED_MEMORY_LINE] ?? '').split(/\s+/);
  return (await isAttached(sharedMemory))
    ? {
        kind: 'running',
        why: `processes of the server of ${path} still use its shared memory ${sharedMemory}`,
      }
    : { kind: 'crashed', pid };
}

/** Throws unless it is sure that no server runs on the folder. */
export async function requireStopped(dataFolder: string): Promise<void> {
  const server = await readServerProcess(dataFolder);
  if (server.kind === 'running') {
    throw new SlotcastError(
      'SC_SERVER_RUNNING',
      `the PostgreSQL server of ${dataFolder} must be stopped for this, and seems to run: ${server.why}`,
    );
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) {
    // The number was given to this process since; as in a container, where numbers are few.
    return false;
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}

/** A segment that is not listed is gone. Where there is no list, nobody can say that nobody is attached. */
async function isAttached(sharedMemory: string | undefined): Promise<boolean> {
  if (sharedMemory === undefined || sharedMemory === '') {
    return false;
  }
  const list = await unlessMissing(readFile(SHARED_MEMORY_LIST, 'utf8'));
  if (list === undefined) {
    return true;
  }
  const segment = list
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find((columns) => columns[ID_COLUMN] === sharedMemory);
  return segment !== undefined && segment[ATTACHED_COLUMN] !== '0';
}
