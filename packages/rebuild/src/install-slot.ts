import { chmod, chown, lstat, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { decodeSlotFile, encodeSlotFile, type SlotFile } from '@slotcast/data-folder';
import { asError, SlotcastError } from '@slotcast/kernel';
import { syncPath, writeDurably } from './durable-file.ts';
import { systemCode, unlessMissing } from './file-error.ts';
import { isTaken, LEFTOVER_SUFFIX, SLOTS_FOLDER } from './found-slots.ts';
import { installSnapshot, requireSnapshot } from './install-snapshot.ts';
import type { AfterStep } from './install-step.ts';
import type { DataFolder } from './read-data-folder.ts';
import { requireStopped } from './server-process.ts';

export interface InstallOptions {
  readonly folder: DataFolder;
  readonly slot: SlotFile;
  /** The file of `pg_logical/snapshots` for the slot's `restartLsn`. */
  readonly snapshot?: Uint8Array | undefined;
  /** The slot of this name may be replaced if its state file still has these bytes. Absent: there must be none of the name. */
  readonly replace?: { readonly expected: Uint8Array } | undefined;
  /** For tests: called after each step. */
  readonly afterStep?: AfterStep;
}

/**
 * Puts a slot into the data folder of a stopped server, so that the server has it when it starts: first its decoding snapshot, then its state file, each written beside its place, waited for until it is on the disk, read
 * back, and only then moved there. At whatever moment this ends, the server starts, with the slot as it was before or as it is to be.
 *
 * Throws SC_SERVER_RUNNING; SC_SLOT_EXISTS when the name is taken, or the slot to be replaced is another one by now; SC_INSTALL_FAILED when something could not be written, and
 * then nothing of it stays.
 */
export async function installSlot(options: InstallOptions): Promise<void> {
  const { folder, slot, snapshot } = options;
  const bytes = encodeOrRefuse(options);
  if (snapshot !== undefined) {
    requireSnapshot(snapshot, { folder, slot: slot.name });
  }
  requireOwner(folder);
  await requireStopped(folder.path);
  try {
    await requirePlace(options);
    await place(options, bytes);
  } catch (error) {
    throw error instanceof SlotcastError ? error : installFailed(options, error);
  }
}

function encodeOrRefuse({ folder, slot, snapshot }: InstallOptions): Buffer {
  if (slot.persistency !== 'persistent') {
    throw new RangeError(`the slot ${slot.name} is ${slot.persistency}: a server removes it when it starts`);
  }
  if (snapshot !== undefined && slot.restartLsn === undefined) {
    throw new RangeError(`the slot ${slot.name} has a decoding snapshot, but no restart_lsn`);
  }
  return encodeSlotFile(slot, folder.major);
}

/** Only root can give files to another user. */
function requireOwner({ owner, path }: DataFolder): void {
  const uid = process.getuid?.();
  if (uid !== undefined && uid !== 0 && uid !== owner.uid) {
    throw new SlotcastError(
      'SC_INSTALL_FAILED',
      `${path} belongs to user ${owner.uid}, and this process runs as ${uid}: the server could not read what it writes`,
      { remedy: 'Run the command as the owner of the data directory, or as root.' },
    );
  }
}

async function requirePlace({ folder, slot, replace }: InstallOptions): Promise<void> {
  const path = join(folder.path, SLOTS_FOLDER, slot.name);
  if (replace !== undefined) {
    await requireUnchanged(join(path, 'state'), replace.expected);
  } else if (isTaken(folder, slot.name) || (await unlessMissing(lstat(path))) !== undefined) {
    throw new SlotcastError('SC_SLOT_EXISTS', `there is a slot ${slot.name} in ${dirname(path)} already`);
  }
}

async function requireUnchanged(path: string, expected: Uint8Array): Promise<void> {
  const bytes = await unlessMissing(readFile(path));
  if (bytes?.equals(expected) !== true) {
    const now = bytes === undefined ? 'is gone' : 'has changed';
    throw new SlotcastError(
      'SC_SLOT_EXISTS',
      `${path} was to be replaced, and ${now} since it was looked at`,
    );
  }
}

async function place(options: InstallOptions, bytes: Buffer): Promise<void> {
  const { folder, slot, snapshot, replace } = options;
  const afterStep = options.afterStep ?? ((): void => undefined);
  const takeBack =
    snapshot !== undefined && slot.restartLsn !== undefined
      ? await installSnapshot({ folder, position: slot.restartLsn, bytes: snapshot, afterStep })
      : async (): Promise<void> => undefined;
  try {
    await (replace === undefined
      ? placeNew({ folder, slot, bytes, afterStep })
      : placeOver({ folder, slot, bytes, afterStep }, replace.expected));
  } catch (error) {
    await takeBack();
    throw error;
  }
}

interface Placing {
  readonly folder: DataFolder;
  readonly slot: SlotFile;
  readonly bytes: Buffer;
  readonly afterStep: AfterStep;
}

/** A folder that ends in `.tmp` is removed by the server at its start; it becomes the slot's with one rename. */
async function placeNew({ folder, slot, bytes, afterStep }: Placing): Promise<void> {
  const parent = join(folder.path, SLOTS_FOLDER);
  const path = join(parent, slot.name);
  const begun = `${path}${LEFTOVER_SUFFIX}`;
  const { owner } = folder;
  try {
    await rm(begun, { recursive: true, force: true });
    await mkdir(begun, { mode: owner.folderMode });
    await chmod(begun, owner.folderMode);
    await chown(begun, owner.uid, owner.gid);
    await afterStep('folder_made');
    await writeDurably({ path: join(begun, 'state'), bytes, owner });
    await afterStep('state_written');
    await requireReadable(join(begun, 'state'), { folder, slot });
    await syncPath(begun);
    await afterStep('state_checked');
    await rename(begun, path);
  } catch (error) {
    await rm(begun, { recursive: true, force: true });
    throw error;
  }
  try {
    await syncPath(path);
    await syncPath(parent);
  } catch (error) {
    await rename(path, begun);
    await rm(begun, { recursive: true, force: true });
    throw error;
  }
  await afterStep('slot_placed');
}

/** As the server saves a slot (`SaveSlotToPath`): a `state.tmp` that is left over is removed at its start. */
async function placeOver({ folder, slot, bytes, afterStep }: Placing, expected: Uint8Array): Promise<void> {
  const parent = join(folder.path, SLOTS_FOLDER, slot.name);
  const path = join(parent, 'state');
  const begun = `${path}${LEFTOVER_SUFFIX}`;
  try {
    await writeDurably({ path: begun, bytes, owner: folder.owner });
    await afterStep('state_written');
    await requireReadable(begun, { folder, slot });
    await afterStep('state_checked');
    await requireUnchanged(path, expected);
    await rename(begun, path);
  } catch (error) {
    await rm(begun, { force: true });
    throw error;
  }
  await syncPath(parent);
  await afterStep('slot_placed');
}

/** A file that the server does not understand would keep it down. */
async function requireReadable(
  path: string,
  { folder, slot }: { readonly folder: DataFolder; readonly slot: SlotFile },
): Promise<void> {
  const read = decodeSlotFile(await readFile(path), folder.major);
  if (!isDeepStrictEqual(definedOf(read), definedOf(slot))) {
    throw new SlotcastError(
      'SC_INSTALL_FAILED',
      `${path} was written, and says something else when it is read again`,
    );
  }
}

function definedOf(slot: SlotFile): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(slot).filter(([, value]) => value !== undefined));
}

function installFailed({ folder, slot }: InstallOptions, error: unknown): SlotcastError {
  const remedies: Readonly<Record<string, string>> = {
    ENOSPC: 'Make room on the disk of the data directory, and run the command again.',
    EDQUOT: 'Make room on the disk of the data directory, and run the command again.',
    EACCES: 'Run the command as the owner of the data directory, or as root.',
    EPERM: 'Run the command as the owner of the data directory, or as root.',
  };
  const remedy = remedies[systemCode(error) ?? ''];
  return new SlotcastError(
    'SC_INSTALL_FAILED',
    `the slot ${slot.name} could not be put into ${folder.path}, and nothing of it stays there: ${asError(error).message}`,
    { cause: error, ...(remedy === undefined ? {} : { remedy }) },
  );
}
