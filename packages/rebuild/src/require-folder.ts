import type { StoppedServer } from '@slotcast/domain';
import { SlotcastError } from '@slotcast/kernel';
import type { DataFolder } from './read-data-folder.ts';

/** From this major on a standby with logical slots does not start without hot_standby. */
const NEEDS_HOT_STANDBY = 16;
/** What the server takes when nothing is set. */
const DEFAULT_MAX_SLOTS = 10;

/** Throws SC_SERVER_RUNNING for a server that runs, and SC_DATA_FOLDER where the server would not start with logical slots, or does not start as it is. */
export function requireUsable(folder: DataFolder): void {
  const { server, settings, path } = folder;
  if (server.kind === 'running') {
    throw new SlotcastError('SC_SERVER_RUNNING', `the server of ${path} is not stopped: ${server.why}`);
  }
  if (server.kind === 'crashed') {
    throw new SlotcastError(
      'SC_SERVER_RUNNING',
      `${path} has a postmaster.pid of process ${server.pid}, which is not seen here: it may run on another machine, or in another container`,
      {
        remedy:
          'Start the server and stop it in order; or remove postmaster.pid when you are sure that none runs.',
      },
    );
  }
  const damaged = folder.slots.find((entry) => entry.kind !== 'slot');
  if (damaged !== undefined) {
    const why = damaged.kind === 'unreadable' ? damaged.why : `its file names the slot ${damaged.slot.name}`;
    throw refused(`the slot folder pg_replslot/${damaged.folder} of ${path} is not in order: ${why}`);
  }
  const { walLevel } = settings;
  const isKnown = walLevel !== undefined || settings.doubts.length === 0;
  if (isKnown && walLevel !== 'logical') {
    throw refused(
      `wal_level is ${walLevel ?? 'not set'} in ${path}: with logical slots the server would not start`,
    );
  }
  if (settings.hotStandby === false && folder.signal === 'standby' && folder.major >= NEEDS_HOT_STANDBY) {
    throw refused(`hot_standby is off in ${path}: with logical slots the standby would not start`);
  }
}

/** Settings of `recovery_target…` that say nothing of where recovery ends. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  'recovery_target_action',
  'recovery_target_inclusive',
  'recovery_target_timeline',
]);

/**
 * Throws SC_REBUILD_REFUSED unless the settings in the folder say that recovery ends where the slots are to be taken from: with an earlier end they would stand beyond all WAL, and on another timeline on that of others. `target`: as
 * the option gives it.
 */
export function requireRecoveryTarget(
  { settings, control, path }: DataFolder,
  target: {
    readonly setting: 'recovery_target_lsn' | 'recovery_target_time';
    readonly isMet: (text: string) => boolean;
  },
  timeline: number,
): void {
  const set = settings.recoveryTarget;
  const ends = [...set].filter(([name]) => !ELSEWHERE.has(name));
  const [name, text] = ends[0] ?? [];
  if (name === undefined || text === undefined) {
    throw notThere(`${target.setting} is not set in ${path}`);
  }
  if (ends.length > 1 || name !== target.setting || !target.isMet(text)) {
    throw notThere(`${ends.map(([which, value]) => `${which} is '${value}'`).join(', ')} in ${path}`);
  }
  const line = set.get('recovery_target_timeline');
  const isMeant = line === 'current' ? control.timeline === timeline : line === String(timeline);
  if (!isMeant) {
    throw notThere(
      `recovery_target_timeline is ${line === undefined ? 'not set' : `'${line}'`} in ${path}, so recovery may end on another timeline than ${timeline}`,
    );
  }
}

function notThere(message: string): SlotcastError {
  return new SlotcastError('SC_REBUILD_REFUSED', message, {
    remedy:
      'Set recovery_target_lsn or recovery_target_time as --as-of-lsn or --as-of-time say, and recovery_target_timeline to the number of the timeline, in postgresql.auto.conf or postgresql.conf of the data directory.',
  });
}

/** How many slots the server can have; without a limit where that is not known. */
export function slotLimit({ settings }: DataFolder): StoppedServer['maxReplicationSlots'] {
  const unset = settings.doubts.length === 0 ? DEFAULT_MAX_SLOTS : Number.POSITIVE_INFINITY;
  return settings.maxReplicationSlots ?? unset;
}

function refused(message: string): SlotcastError {
  return new SlotcastError('SC_DATA_FOLDER', message, {
    remedy: 'Change what the message names, and try again. Nothing was changed.',
  });
}
