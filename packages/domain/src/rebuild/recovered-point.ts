import { formatLsn, type Lsn } from '../vocabulary/lsn.ts';
import type { TimelineHistory } from '../vocabulary/timeline-history.ts';
import type { StoppedServer } from './stopped-server.ts';

/** What a data folder tells of where its server is in WAL. */
export interface FolderPosition {
  /** What the control file says the server was doing, such as `shut_down_in_recovery`. */
  readonly state: string;
  readonly checkpointLsn: Lsn;
  /** Up to here it has to replay before it lets anybody in; absent when it is no standby's. */
  readonly minRecoveryLsn: Lsn | undefined;
  /** Where replay begins with a backup that no server was started with yet. */
  readonly backupStartLsn: Lsn | undefined;
  /** Of the timeline that the server is on; absent when its history file is not there. */
  readonly history: TimelineHistory | undefined;
  /** Which of `standby.signal` and `recovery.signal` is there. */
  readonly signal: 'standby' | 'recovery' | undefined;
}

/** The point of a recovery, as a person gives it. */
export interface RecoveryTarget {
  readonly lsn: Lsn;
  /** On which timeline; absent: on the line of the topic. */
  readonly timeline: number | undefined;
}

/** Where a stopped server will be consistent; or why that is not known, as a sentence. */
export type RecoveredPoint =
  | ({ readonly kind: 'known' } & Pick<StoppedServer, 'history' | 'consistentLsn' | 'goesOn'>)
  | { readonly kind: 'refused'; readonly why: string };

/**
 * Finds the position up to which a stopped server surely has, or will have, replayed WAL when it lets anybody in. What the control file of a standby says is a lower bound; slots may be older than need be, and
 * never newer. `published`: the line of the topic.
 */
export function recoveredPoint(
  folder: FolderPosition,
  target: RecoveryTarget | undefined,
  published: TimelineHistory,
): RecoveredPoint {
  const { history } = folder;
  if (history === undefined) {
    return refused(
      'the history file of its timeline is not in pg_wal, so it cannot be told which events are of its WAL',
    );
  }
  if (folder.signal === 'recovery') {
    return target === undefined
      ? refused('it has a recovery.signal: say where recovery is to end, by --as-of-lsn or --as-of-time')
      : restoredTo(folder, { ...target, published, history });
  }
  if (target !== undefined) {
    return refused(
      '--as-of-lsn and --as-of-time are for a server that recovers to that point, and it has no recovery.signal',
    );
  }
  if (folder.signal === undefined) {
    return refused(
      "it has neither standby.signal nor recovery.signal: it is a primary's, whose slots are its own",
    );
  }
  const consistentLsn = standbyPosition(folder);
  if (consistentLsn === undefined) {
    const state = folder.state.replaceAll('_', ' ');
    return refused(
      `its control file says ${state}: it was a primary that did not stop in order. Run pg_rewind, or start it as a standby and stop it once`,
    );
  }
  const left = published.ancestors.find(({ timeline }) => timeline === history.timeline);
  if (left !== undefined && left.switchLsn < consistentLsn) {
    return refused(
      `it has WAL of timeline ${left.timeline} up to ${formatLsn(consistentLsn)}, and the line of the topic left that at ${formatLsn(left.switchLsn)}: run pg_rewind, or clone it anew`,
    );
  }
  return { kind: 'known', history, consistentLsn, goesOn: 'standby' };
}

function standbyPosition({
  state,
  checkpointLsn,
  minRecoveryLsn,
  backupStartLsn,
}: FolderPosition): Lsn | undefined {
  if (backupStartLsn !== undefined) {
    return backupStartLsn;
  }
  switch (state) {
    case 'shut_down_in_recovery':
    case 'in_archive_recovery':
      return minRecoveryLsn ?? checkpointLsn;
    case 'shut_down':
      return checkpointLsn;
    default:
      return undefined;
  }
}

function restoredTo(
  { backupStartLsn, minRecoveryLsn, checkpointLsn }: FolderPosition,
  target: RecoveryTarget & { readonly published: TimelineHistory; readonly history: TimelineHistory },
): RecoveredPoint {
  const { lsn, published, history } = target;
  const begins = backupStartLsn ?? minRecoveryLsn ?? checkpointLsn;
  if (lsn < begins) {
    return refused(
      `recovery cannot end at ${formatLsn(lsn)}: this backup begins at ${formatLsn(begins)}; take an older one`,
    );
  }
  const line = lineTo(target);
  if (line === undefined) {
    const known = `the one of this backup (${history.timeline}) nor on the line of the topic (${published.timeline})`;
    return refused(`timeline ${target.timeline} is neither ${known}`);
  }
  return typeof line === 'string'
    ? refused(line)
    : { kind: 'known', history: line, consistentLsn: lsn, goesOn: 'restored' };
}

/** The line of descent at the target. Where a timeline was left before it, two lines have that position, and a person has to say which. */
function lineTo({
  lsn,
  timeline,
  published,
  history,
}: RecoveryTarget & { readonly published: TimelineHistory; readonly history: TimelineHistory }):
  | TimelineHistory
  | string
  | undefined {
  const left = published.ancestors.find(
    (ancestor) => ancestor.timeline >= history.timeline && ancestor.switchLsn < lsn,
  );
  if (timeline === undefined) {
    return left === undefined
      ? history
      : `timeline ${left.timeline} was left at ${formatLsn(left.switchLsn)}: say by --timeline on which one recovery ends`;
  }
  return timeline === history.timeline ? history : upTo(published, timeline);
}

/** The history of one of the timelines of a line. */
function upTo(line: TimelineHistory, timeline: number): TimelineHistory | undefined {
  if (line.timeline === timeline) {
    return line;
  }
  const index = line.ancestors.findIndex((ancestor) => ancestor.timeline === timeline);
  const at = line.ancestors[index];
  return at === undefined ? undefined : { timeline: at.timeline, ancestors: line.ancestors.slice(0, index) };
}

function refused(why: string): RecoveredPoint {
  return { kind: 'refused', why };
}
