import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { historyFileName, segmentNumber, walFileName } from '@slotcast/data-folder';
import { parseTimelineHistory, type Timeline, type TimelineHistory } from '@slotcast/domain';
import { SlotcastError } from '@slotcast/kernel';
import { unlessMissing } from './file-error.ts';
import { WAL_FOLDER } from './folder-wal.ts';
import type { DataFolder } from './read-data-folder.ts';
import { type RestoreCommand, runRestoreCommand } from './restore-command.ts';

/** The server gives its restore command the same place. */
const RESTORED_HISTORY = join(WAL_FOLDER, 'RECOVERYHISTORY');

/** What the history of a timeline came to. */
export type FetchedHistory =
  | { readonly kind: 'found'; readonly history: TimelineHistory }
  | { readonly kind: 'missing'; readonly why: string };

/**
 * Has the restore command bring the history of a timeline, as of one that recovery will go on to; nothing of it stays in the folder, as the server fetches it itself. Throws SC_DATA_FOLDER when
 * what it brings is none.
 */
export async function fetchHistory(
  folder: Pick<DataFolder, 'path' | 'control' | 'owner'>,
  timeline: Timeline,
  restore: RestoreCommand,
): Promise<FetchedHistory> {
  const { redoLsn, walSegmentSize, timeline: current } = folder.control;
  const path = join(folder.path, RESTORED_HISTORY);
  const file = historyFileName(timeline);
  await rm(path, { force: true });
  try {
    const failed = await runRestoreCommand(restore, {
      file,
      target: RESTORED_HISTORY,
      oldest: walFileName(
        { timeline: current, number: segmentNumber(redoLsn, walSegmentSize) },
        walSegmentSize,
      ),
      dataFolder: folder.path,
      owner: folder.owner,
    });
    const text = failed === undefined ? await unlessMissing(readFile(path, 'utf8')) : undefined;
    return text === undefined
      ? { kind: 'missing', why: failed ?? 'the restore command brought nothing' }
      : { kind: 'found', history: parseTimelineHistory(timeline, text) };
  } catch (error) {
    if (error instanceof RangeError) {
      throw new SlotcastError(
        'SC_DATA_FOLDER',
        `the restore command brought a ${file} that is damaged: ${error.message}`,
        {
          cause: error,
          remedy: 'Check the archive, and what the restore command does with %f and %p.',
        },
      );
    }
    throw error;
  } finally {
    await rm(path, { force: true });
  }
}
