import { chmod, chown, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ConsistentPoint,
  consistentPoint,
  type DecodingRange,
  decodeWalPage,
  FileFormatError,
  type RunningAt,
  runningAt,
  segmentAt,
  segmentNumber,
  walFileName,
} from '@slotcast/data-folder';
import { type Lsn, type TimelineHistory, timelineAt } from '@slotcast/domain';
import { asError } from '@slotcast/kernel';
import { syncPath, writeDurably } from './durable-file.ts';
import { systemCode, unlessMissing } from './file-error.ts';
import { FolderWal, WAL_FOLDER, walShapeOf } from './folder-wal.ts';
import type { DataFolder } from './read-data-folder.ts';
import { type RestoreCommand, runRestoreCommand } from './restore-command.ts';

export interface MissingWal {
  /** Of the file in `pg_wal`. */
  readonly file: string;
  readonly why: string;
}

export interface FetchedWal {
  /** Oldest first. */
  readonly missing: readonly MissingWal[];
  /** Files that the restore command has brought. */
  readonly restored: readonly string[];
}

export interface WalRange {
  readonly folder: Pick<DataFolder, 'path' | 'control' | 'owner'>;
  /** The line of descent on which the WAL must lie. */
  readonly history: TimelineHistory;
  /** A slot's `restart_lsn`. */
  readonly from: Lsn;
  /** Up to here the server needs no upstream; the WAL before this position has to be there. */
  readonly to: Lsn;
}

/** The server removes it when recovery ends, and overwrites it when it restores a file itself. */
const RESTORED_FILE = join(WAL_FOLDER, 'RECOVERYXLOG');

/** Says which of the files that hold this WAL are not in `pg_wal`, as decoding from `from` will look for them, and gets those by the restore command where one is given. */
export async function walAtHand(range: WalRange, restore?: RestoreCommand): Promise<FetchedWal> {
  const missing: MissingWal[] = [];
  const restored: string[] = [];
  for (const segment of segmentsOf(range)) {
    const why = await faultOf(join(range.folder.path, WAL_FOLDER, segment.file), { range, segment });
    const stays =
      why === undefined || restore === undefined ? why : await fetchWal({ range, segment }, restore);
    if (stays !== undefined) {
      missing.push({ file: segment.file, why: stays });
    } else if (why !== undefined) {
      restored.push(segment.file);
    }
  }
  return { missing, restored };
}

/** Whether transactions were running at a position, by the WAL in `pg_wal`; see `runningAt`. */
export function runningAtHand(range: Pick<WalRange, 'folder' | 'history'>, position: Lsn): RunningAt {
  using wal = new FolderWal({ ...range.folder, history: range.history });
  return runningAt(wal.source, position);
}

/** Whether a slot can do without a decoding snapshot, by the WAL in `pg_wal`; see `consistentPoint`. */
export function consistentPointAtHand(
  range: Pick<WalRange, 'folder' | 'history'>,
  decoding: DecodingRange,
): ConsistentPoint {
  using wal = new FolderWal({ ...range.folder, history: range.history });
  return consistentPoint(wal.source, decoding);
}

interface Segment {
  readonly file: string;
  /** Of its first byte. */
  readonly address: bigint;
}

interface Place {
  readonly range: WalRange;
  readonly segment: Segment;
}

/** From the one that holds `from` to the one that holds the last byte before `to`. */
function segmentsOf({ folder, history, from, to }: WalRange): readonly Segment[] {
  const size = folder.control.walSegmentSize;
  const first = segmentNumber(from, size);
  const begun = from % BigInt(size) === 0n ? first - 1n : first;
  const last = [begun, segmentNumber(to - 1n, size)].reduce((one, other) => (one > other ? one : other));
  return Array.from({ length: Number(last - first) + 1 }, (_, index) => {
    const address = (first + BigInt(index)) * BigInt(size);
    return { file: walFileName(segmentAt(history, address, size), size), address };
  });
}

/**
 * Why a file is not the segment that it is to be; `undefined` when it is. Its first page tells, and the last one of which bytes are needed: a file that was recycled for later WAL has the pages of
 * another segment, from where it was not yet written. After a switch to the next file pages are zero.
 */
async function faultOf(path: string, { range, segment }: Place): Promise<string | undefined> {
  const { control } = range.folder;
  const { walSegmentSize: size, walPageSize: pageSize } = control;
  const end = segment.address + BigInt(size);
  const lastByte = (end < range.to ? end : BigInt(range.to)) - 1n;
  const lastPage = lastByte - (lastByte % BigInt(pageSize));
  try {
    const found = await unlessMissing(stat(path));
    if (found === undefined) {
      return 'it is not there';
    }
    if (found.size !== size) {
      return `it has ${found.size} bytes, not ${size}`;
    }
    for (const address of new Set([
      segment.address,
      lastPage > segment.address ? lastPage : segment.address,
    ])) {
      const page = await readPage(path, { offset: Number(address - segment.address), pageSize });
      if (address === segment.address || page.some((byte) => byte !== 0)) {
        const timeline = timelineAt(range.history, address);
        decodeWalPage(page, { shape: walShapeOf(control), address, timeline });
      }
    }
    return undefined;
  } catch (error) {
    if (error instanceof FileFormatError || systemCode(error) !== undefined) {
      return asError(error).message;
    }
    throw error;
  }
}

async function readPage(
  path: string,
  { offset, pageSize }: { readonly offset: number; readonly pageSize: number },
): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const page = Buffer.alloc(pageSize);
    const { bytesRead } = await file.read(page, 0, pageSize, offset);
    return page.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Returns why the file is still not there; `undefined` when it is. */
async function fetchWal(place: Place, restore: RestoreCommand): Promise<string | undefined> {
  const { folder } = place.range;
  const { file } = place.segment;
  const restored = join(folder.path, RESTORED_FILE);
  await rm(restored, { force: true });
  try {
    const failed = await runRestoreCommand(restore, {
      file,
      target: RESTORED_FILE,
      oldest: oldestNeeded(place.range),
      dataFolder: folder.path,
      owner: folder.owner,
    });
    const fault = failed ?? (await faultOf(restored, place));
    if (fault !== undefined) {
      return failed === undefined
        ? `what the restore command brought is not it: ${fault}`
        : `the restore command failed: ${fault}`;
    }
    await keep(restored, { file, folder });
    return undefined;
  } finally {
    await rm(restored, { force: true });
  }
}

/** `%r`: the file in which the last restartpoint began. */
function oldestNeeded({ folder, history }: WalRange): string {
  const { redoLsn, walSegmentSize } = folder.control;
  return walFileName(segmentAt(history, redoLsn, walSegmentSize), walSegmentSize);
}

/** As the server keeps a file that it has restored (`KeepFileRestoredFromArchive`), with a mark that it need not be archived again. */
async function keep(
  restored: string,
  { file, folder }: { readonly file: string; readonly folder: WalRange['folder'] },
): Promise<void> {
  const { owner } = folder;
  const wal = join(folder.path, WAL_FOLDER);
  await chown(restored, owner.uid, owner.gid);
  await chmod(restored, owner.fileMode);
  await syncPath(restored);
  const status = join(wal, 'archive_status');
  if ((await unlessMissing(stat(status))) !== undefined) {
    await writeDurably({ path: join(status, `${file}.done`), bytes: Buffer.alloc(0), owner });
    await rm(join(status, `${file}.ready`), { force: true });
  }
  await rename(restored, join(wal, file));
  await syncPath(wal);
}
