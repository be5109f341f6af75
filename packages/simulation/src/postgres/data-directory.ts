import type { Ancestor, ServerCore } from './core.ts';
import type { SnapshotFiles } from './decoder.ts';
import { type Slot, slotFromDisk } from './slot.ts';
import type { Position, Wal } from './wal.ts';

/** What is on the disk of a server at one moment, as a copy of its disk has it. */
export interface DataDirectory {
  readonly wal: Wal;
  readonly inRecovery: boolean;
  readonly timeline: number;
  readonly history: readonly Ancestor[];
  readonly minRecovery: number;
  readonly replayedCheckpoint: number;
  readonly restartpoint: number;
  readonly isCrashed: boolean;
  readonly slots: readonly Slot[];
  readonly snapshots: SnapshotFiles;
  readonly oldestWal: Position;
  readonly databases: ReadonlyMap<number, string>;
}

export function copyOfDisk(core: ServerCore): DataDirectory {
  const { inRecovery, timeline, history, minRecovery, replayedCheckpoint, restartpoint, oldestWal } = core;
  return {
    wal: core.wal.branch(core.flushed),
    inRecovery,
    timeline,
    history,
    minRecovery: inRecovery ? minRecovery : core.flushed,
    replayedCheckpoint,
    restartpoint,
    isCrashed: core.running || core.isCrashed,
    slots: savedSlots(core.slots.all, core.nowMs),
    snapshots: new Map(core.snapshots),
    oldestWal,
    databases: new Map(core.databases),
  };
}

/** Puts a copy in the place of what a server has, which is down. */
export function installDisk(core: ServerCore, directory: DataDirectory): void {
  const { wal, inRecovery, timeline, history, minRecovery, replayedCheckpoint, restartpoint } = directory;
  core.wal = wal.branch(wal.length);
  core.flushed = wal.length;
  core.replayed = minRecovery;
  Object.assign(core, { inRecovery, timeline, history, minRecovery, replayedCheckpoint, restartpoint });
  if (inRecovery) {
    core.forgetTimelines();
  }
  core.isCrashed = directory.isCrashed;
  core.recoveryEndedAt = undefined;
  core.lastCheckpoint = 0;
  core.lastRunning = 0;
  core.snapshots = new Map(directory.snapshots);
  core.oldestWal = directory.oldestWal;
  core.databases = new Map(directory.databases);
  core.slots.clear();
  for (const slot of savedSlots(directory.slots, core.nowMs)) {
    core.slots.add(slot);
  }
}

function savedSlots(slots: readonly Slot[], nowMs: number): readonly Slot[] {
  return slots.map((slot) => slotFromDisk(slot, nowMs)).filter((slot) => slot !== undefined);
}
