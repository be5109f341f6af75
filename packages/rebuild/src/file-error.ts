import { readFile } from 'node:fs/promises';
import { asError, SlotcastError } from '@slotcast/kernel';

/** The code of an error of the operating system, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What the promise comes to, or `undefined` where there is no such file or folder. */
export async function unlessMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

const DENIED = new Set(['EACCES', 'EPERM']);

/** What a file in a data folder could not be read for. */
export function unreadable(path: string, error: unknown): SlotcastError {
  const isDenied = DENIED.has(systemCode(error) ?? '');
  return new SlotcastError('SC_DATA_FOLDER', `${path} could not be read: ${asError(error).message}`, {
    cause: error,
    ...(isDenied ? { remedy: 'Run the command as the owner of the data directory, or as root.' } : {}),
  });
}

/** The text of a file in a data folder, `undefined` where there is none. Throws SC_DATA_FOLDER when it cannot be read. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await unlessMissing(readFile(path, 'utf8'));
  } catch (error) {
    throw unreadable(path, error);
  }
}
