import { open, rm } from 'node:fs/promises';
import type { FolderOwner } from './read-data-folder.ts';

export interface NewFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly owner: FolderOwner;
}

/** Writes a file anew, as the owner of the data folder would have, and waits until it is on the disk. */
export async function writeDurably({ path, bytes, owner }: NewFile): Promise<void> {
  await rm(path, { force: true });
  const file = await open(path, 'wx', owner.fileMode);
  try {
    await file.chmod(owner.fileMode);
    await file.chown(owner.uid, owner.gid);
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Waits until what was made, renamed or removed in a folder is so on the disk, or what was written into a file. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
