import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DataFolderMajor, decodeSlotFile, type SlotFile } from '@slotcast/data-folder';
import type { SlotName } from '@slotcast/domain';
import { asError } from '@slotcast/kernel';
import { unreadable } from './file-error.ts';

/** A folder in `pg_replslot`, as the server would load it at its start. */
export type FoundSlot =
  | {
      readonly kind: 'slot';
      readonly folder: string;
      readonly slot: SlotFile;
      /** The state file. */
      readonly bytes: Buffer;
    }
  /** Its file tells another name than the folder's; the server loads it under that one, and cannot save it. */
  | { readonly kind: 'misplaced'; readonly folder: string; readonly slot: SlotFile }
  /** The server does not start as long as it is there. */
  | { readonly kind: 'unreadable'; readonly folder: string; readonly why: string };

export interface FoundSlots {
  readonly slots: readonly FoundSlot[];
  /** Folders that were being written or removed when the server or slotcast ended; the server removes them at its start. */
  readonly leftovers: readonly string[];
}

export const SLOTS_FOLDER = 'pg_replslot';
export const LEFTOVER_SUFFIX = '.tmp';

/** Reads all that stands in `pg_replslot`, by name. Files beside the folders are passed over, as the server does. */
export async function readFoundSlots(dataFolder: string, major: DataFolderMajor): Promise<FoundSlots> {
  const path = join(dataFolder, SLOTS_FOLDER);
  let folders: string[];
  try {
    const entries = await readdir(path, { withFileTypes: true });
    folders = entries.filter((entry) => !entry.isFile()).map(({ name }) => name);
  } catch (error) {
    throw unreadable(path, error);
  }
  folders.sort();
  const slots: FoundSlot[] = [];
  for (const folder of folders.filter((name) => !name.endsWith(LEFTOVER_SUFFIX))) {
    slots.push(await readFoundSlot(join(path, folder), { folder, major }));
  }
  return { slots, leftovers: folders.filter((name) => name.endsWith(LEFTOVER_SUFFIX)) };
}

/** True when no slot can be made of this name: a folder has it, or the file in a folder of another name tells it. */
export function isTaken(found: FoundSlots, name: SlotName): boolean {
  return found.slots.some(
    (entry) => entry.folder === name || (entry.kind !== 'unreadable' && entry.slot.name === name),
  );
}

async function readFoundSlot(
  path: string,
  { folder, major }: { readonly folder: string; readonly major: DataFolderMajor },
): Promise<FoundSlot> {
  try {
    const bytes = await readFile(join(path, 'state'));
    const slot = decodeSlotFile(bytes, major);
    return slot.name === folder ? { kind: 'slot', folder, slot, bytes } : { kind: 'misplaced', folder, slot };
  } catch (error) {
    return { kind: 'unreadable', folder, why: asError(error).message };
  }
}
