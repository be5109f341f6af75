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
