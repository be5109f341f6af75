import { hasSnapshot, judgeWal, type Lsn, type RebuildVerdict, type StoppedServer } from '@slotcast/domain';
import type { DataFolder } from './read-data-folder.ts';
import type { RestoreCommand } from './restore-command.ts';
import { consistentPointAtHand, runningAtHand, walAtHand } from './wal-at-hand.ts';

export interface WalCheck {
  readonly folder: DataFolder;
  readonly server: StoppedServer;
  /** From here on the server gets WAL by itself: it replays it, or streams it. */
  readonly replayFrom: Lsn;
  readonly restore: RestoreCommand | undefined;
}

/** Looks for the WAL that a slot needs, gets what is missing by the restore command, and judges the slot by it. */
export async function checkWal(verdict: RebuildVerdict, check: WalCheck): Promise<RebuildVerdict> {
  if (!('installation' in verdict)) {
    return verdict;
  }
  const { folder, server, restore, replayFrom } = check;
  const { restartLsn: from, confirmedFlushLsn: until, snapshot } = verdict.installation;
  const range = { folder, history: server.history };
  const { missing } =
    from < replayFrom ? await walAtHand({ ...range, from, to: replayFrom }, restore) : { missing: [] };
  let open: 'none' | 'some' | 'unknown' = 'none';
  if (!hasSnapshot(snapshot) && missing.length === 0) {
    if (restore !== undefined && replayFrom < until) {
      // For the look alone: what it does not bring, the server gets later.
      await walAtHand({ ...range, from, to: until }, restore);
    }
    const isComplete = consistentPointAtHand(range, { from, until }).kind === 'found';
    open = isComplete ? 'none' : runningAtHand(range, from).kind;
  }
  return judgeWal(verdict, { missing: missing.map(({ file }) => file), open });
}
