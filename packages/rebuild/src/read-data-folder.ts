import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ControlFile,
  type DataFolderMajor,
  dataFolderMajors,
  decodeControlFile,
  FileFormatError,
  historyFileName,
  isDataFolderMajor,
} from '@slotcast/data-folder';
import { parseTimelineHistory, type Timeline, type TimelineHistory, timeline } from '@slotcast/domain';
import { asError, SlotcastError } from '@slotcast/kernel';
import { type BackupLabel, parseBackupLabel } from './backup-label.ts';
import { readText, unlessMissing, unreadable } from './file-error.ts';
import { type FoundSlots, readFoundSlots } from './found-slots.ts';
import { readServerProcess, type ServerProcess } from './server-process.ts';
import { readWrittenSettings, type WrittenSettings } from './written-settings.ts';

/** Whose the folder is, and who may look into it. */
export interface FolderOwner {
  readonly uid: number;
  readonly gid: number;
  /** For folders that are made in it: 0700, or 0750 where the group may read (`initdb --allow-group-access`). */
  readonly folderMode: number;
  /** For files, alike. */
  readonly fileMode: number;
}

/** What the data folder of a server says of it. */
export interface DataFolder extends FoundSlots {
  readonly path: string;
  readonly major: DataFolderMajor;
  readonly server: ServerProcess;
  readonly control: ControlFile;
  /** Of the timeline that the server was on; absent when its history file is not in `pg_wal`. */
  readonly history: TimelineHistory | undefined;
  /** Timelines beyond that one, of which there are history files in `pg_wal`: recovery may go on to one of them. */
  readonly laterTimelines: readonly Timeline[];
  /** Whether it is to start as a standby, or to recover up to a point and then become a primary. */
  readonly signal: 'standby' | 'recovery' | undefined;
  /** The folder is a backup with which no server was started yet: what the control file says of positions is not where it will be consistent. */
  readonly backupLabel: BackupLabel | undefined;
  readonly settings: WrittenSettings;
  readonly owner: FolderOwner;
}

/** Where `pg_control` is. */
const CONTROL_FILE = join('global', 'pg_control');
const HISTORY_FILE = /^([0-9A-F]{8})\.history$/;
const GROUP_READ = 0o040;

/** Reads a data folder, and changes nothing in it. Throws SC_DATA_FOLDER when it is none of a supported major, or what must be in it is missing or damaged. */
export async function readDataFolder(path: string): Promise<DataFolder> {
  const major = await readMajor(path);
  const server = await readServerProcess(path);
  const control = await readControlFile(path);
  if (control.major !== major) {
    throw new SlotcastError(
      'SC_DATA_FOLDER',
      `${path} is of PostgreSQL ${major} by its PG_VERSION, and of ${control.major} by its ${CONTROL_FILE}`,
    );
  }
  const newest = timeline(Math.max(control.timeline, control.minRecoveryTimeline ?? 0));
  return {
    path,
    major,
    server,
    control,
    ...(await readHistories(path, newest)),
    signal: await readSignal(path),
    backupLabel: await readBackupLabel(path),
    ...(await readFoundSlots(path, major)),
    settings: await readWrittenSettings(path),
    owner: await readOwner(path),
  };
}

async function readMajor(path: string): Promise<DataFolderMajor> {
  const file = join(path, 'PG_VERSION');
  const text = await readText(file);
  if (text === undefined) {
    throw new SlotcastError(
      'SC_DATA_FOLDER',
      `${path} is no data directory of PostgreSQL: it has no PG_VERSION`,
    );
  }
  const major = Number(text.trim());
  if (!isDataFolderMajor(major)) {
    throw new SlotcastError(
      'SC_DATA_FOLDER',
      `${path} is of PostgreSQL ${JSON.stringify(text.trim())}; supported are ${dataFolderMajors.join(', ')}`,
    );
  }
  return major;
}

async function readControlFile(path: string): Promise<ControlFile> {
  const file = join(path, CONTROL_FILE);
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw unreadable(file, error);
  }
  try {
    return decodeControlFile(bytes);
  } catch (error) {
    if (error instanceof FileFormatError) {
      throw new SlotcastError('SC_DATA_FOLDER', `${file} is damaged: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

async function readHistories(
  path: string,
  current: Timeline,
): Promise<Pick<DataFolder, 'history' | 'laterTimelines'>> {
  const folder = join(path, 'pg_wal');
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    throw unreadable(folder, error);
  }
  const numbers = names.flatMap((name) => {
    const [, digits] = HISTORY_FILE.exec(name) ?? [];
    return digits === undefined ? [] : [Number.parseInt(digits, 16)];
  });
  const later = numbers.filter((number) => number > current).toSorted((one, other) => one - other);
  return { history: await readHistory(folder, current), laterTimelines: later.map(timeline) };
}

async function readHistory(folder: string, current: Timeline): Promise<TimelineHistory | undefined> {
  if (current === 1) {
    return { timeline: current, ancestors: [] };
  }
  const file = join(folder, historyFileName(current));
  const text = await readText(file);
  try {
    return text === undefined ? undefined : parseTimelineHistory(current, text);
  } catch (error) {
    if (error instanceof RangeError) {
      throw new SlotcastError('SC_DATA_FOLDER', `${file} is damaged: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

async function readSignal(path: string): Promise<DataFolder['signal']> {
  // With both the server starts as a standby.
  for (const signal of ['standby', 'recovery'] as const) {
    const file = join(path, `${signal}.signal`);
    try {
      if ((await unlessMissing(stat(file))) !== undefined) {
        return signal;
      }
    } catch (error) {
      throw unreadable(file, error);
    }
  }
  return undefined;
}

async function readBackupLabel(path: string): Promise<BackupLabel | undefined> {
  const file = join(path, 'backup_label');
  const text = await readText(file);
  try {
    return text === undefined ? undefined : parseBackupLabel(text);
  } catch (error) {
    throw new SlotcastError('SC_DATA_FOLDER', `${file} is damaged: ${asError(error).message}`, {
      cause: error,
    });
  }
}

async function readOwner(path: string): Promise<FolderOwner> {
  const { uid, gid, mode } = await stat(path);
  const isShared = (mode & GROUP_READ) !== 0;
  return { uid, gid, folderMode: isShared ? 0o750 : 0o700, fileMode: isShared ? 0o640 : 0o600 };
}
