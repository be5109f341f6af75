import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkDecodingSnapshot, decodingSnapshotName } from '@slotcast/data-folder';
import type { Lsn } from '@slotcast/domain';
import { SlotcastError } from '@slotcast/kernel';
import { syncPath, writeDurably } from './durable-file.ts';
import { unlessMissing } from './file-error.ts';
import type { AfterStep } from './install-step.ts';
import type { DataFolder } from './read-data-folder.ts';

const SNAPSHOTS_FOLDER = join('pg_logical', 'snapshots');

export interface NewSnapshot {
  readonly folder: DataFolder;
  readonly position: Lsn;
  readonly bytes: Uint8Array;
  readonly afterStep: AfterStep;
}

/**
 * Puts a decoding snapshot to where decoding from its position finds it, in place of one that is there already: that may be of WAL which the folder has left. Returns how to take it
 * back; a snapshot that no slot needs is no harm, and the server removes it.
 */
export async function installSnapshot({
  folder,
  position,
  bytes,
  afterStep,
}: NewSnapshot): Promise<() => Promise<void>> {
  const parent = join(folder.path, SNAPSHOTS_FOLDER);
  const path = join(parent, decodingSnapshotName(position));
  // The server removes what has such a name, too (`CheckPointSnapBuild`).
  const begun = `${path}.${process.pid}.tmp`;
  try {
    const before = await unlessMissing(readFile(path));
    await writeDurably({ path: begun, bytes, owner: folder.owner });
    await afterStep('snapshot_written');
    checkDecodingSnapshot(await readFile(begun), folder.major);
    await rename(begun, path);
    await syncPath(parent);
    await afterStep('snapshot_placed');
    return async () => {
      if (before === undefined) {
        await rm(path, { force: true });
      }
    };
  } catch (error) {
    await rm(begun, { force: true });
    throw error;
  }
}

/** Throws SC_INSTALL_FAILED unless the bytes are a snapshot that this server takes. */
export function requireSnapshot(
  bytes: Uint8Array,
  { folder, slot }: { readonly folder: DataFolder; readonly slot: string },
): void {
  try {
    checkDecodingSnapshot(bytes, folder.major);
  } catch (error) {
    throw new SlotcastError(
      'SC_INSTALL_FAILED',
      `the decoding snapshot of slot ${slot} is none that PostgreSQL ${folder.major} takes: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
        remedy: 'Nothing was written. The slot has to be made anew, or be taken from a later event.',
      },
    );
  }
}
