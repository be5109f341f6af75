import { type Lsn, parseLsn, type Timeline, timeline } from '@slotcast/domain';

/** What `backup_label` says, which a backup has until a server was started with it. */
export interface BackupLabel {
  /** Replay begins here. */
  readonly startLsn: Lsn;
  readonly startTimeline: Timeline;
  /** Which kind of server was copied. */
  readonly from: 'primary' | 'standby';
}

/** Throws a RangeError when it is not what a server writes (`build_backup_content`). */
export function parseBackupLabel(text: string): BackupLabel {
  const field = (name: string): string => {
    const value = new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1];
    if (value === undefined) {
      throw new RangeError(`it has no line ${JSON.stringify(name)}`);
    }
    return value.trim();
  };
  const from = field('BACKUP FROM');
  // Up to 13 the server says `master`.
  if (!['primary', 'master', 'standby'].includes(from)) {
    throw new RangeError(`it is a backup from ${JSON.stringify(from)}`);
  }
  return {
    startLsn: parseLsn(field('START WAL LOCATION').replace(/ .*$/, '')),
    startTimeline: timeline(Number(field('START TIMELINE'))),
    from: from === 'standby' ? 'standby' : 'primary',
  };
}
