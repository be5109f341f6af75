import type { Position, Xid } from './wal.ts';

/** What of a slot is on disk, as of the last time it was saved. */
interface SavedSlot {
  readonly restartLsn: Position | undefined;
  readonly confirmedFlush: Position | undefined;
  readonly catalogXmin: Xid | undefined;
  readonly twoPhaseAt: Position | undefined;
  readonly failover: boolean;
  readonly invalidation: Invalidation | undefined;
}

type Invalidation = 'wal_removed' | 'rows_removed' | 'idle_timeout';

/** A value that a slot takes once its client has confirmed up to `validAt`. */
interface Candidate {
  readonly value: number;
  readonly validAt: Position;
}

export interface SlotKind {
  readonly name: string;
  readonly type: 'logical' | 'physical';
  /** Absent on a physical slot, as is the database. */
  readonly plugin: string | undefined;
  readonly databaseOid: number | undefined;
  readonly temporary: boolean;
  /** Saved as it is made so. */
  readonly twoPhase: boolean;
}

/** A replication slot in the memory of a server. Only the functions of this file change one, so that each change gives it another `version`. */
export interface Slot extends SlotKind {
  /** Which making of it; a copy or a slot made anew under the same name has another. */
  readonly uid: number;
  /** Shared by no other state of any slot. */
  version: number;
  restartLsn: Position | undefined;
  confirmedFlush: Position | undefined;
  catalogXmin: Xid | undefined;
  twoPhaseAt: Position | undefined;
  failover: boolean;
  invalidation: Invalidation | undefined;
  candidateRestart: Candidate | undefined;
  candidateXmin: Candidate | undefined;
  /** Process id of the session that holds it. */
  activePid: number | undefined;
  /** Milliseconds since 1970; absent while it is held. */
  inactiveSince: number | undefined;
  /** Catalog rows that it needs are gone without its being invalidated: its first decoding fails. */
  brokenCatalog: boolean;
  dirty: boolean;
  /** Absent as long as it was never made persistent: a crash leaves nothing of it. */
  saved: SavedSlot | undefined;
}

let lastUid = 0;
let lastVersion = 0;

function nextVersion(): number {
  lastVersion += 1;
  return lastVersion;
}

export function newSlot(kind: SlotKind): Slot {
  lastUid += 1;
  return {
    ...kind,
    uid: lastUid,
    version: nextVersion(),
    restartLsn: undefined,
    confirmedFlush: undefined,
    catalogXmin: undefined,
    twoPhaseAt: undefined,
    failover: false,
    invalidation: undefined,
    candidateRestart: undefined,
    candidateXmin: undefined,
    activePid: undefined,
    inactiveSince: undefined,
    brokenCatalog: false,
    dirty: false,
    saved: undefined,
  };
}

/** Changes fields of a slot in memory. */
export function changeSlot(
  slot: Slot,
  fields: Partial<Omit<Slot, 'uid' | 'version' | Exclude<keyof SlotKind, 'twoPhase'>>>,
): void {
  Object.assign(slot, fields);
  slot.version = nextVersion();
}

/** Writes a slot to disk as it is (`ReplicationSlotSave`). */
export function saveSlot(slot: Slot): void {
  const { restartLsn, confirmedFlush, catalogXmin, twoPhaseAt, failover, invalidation } = slot;
  slot.saved = { restartLsn, confirmedFlush, catalogXmin, twoPhaseAt, failover, invalidation };
  slot.dirty = false;
}

/** The slot as a start of the server finds it on disk; `undefined` when it is not there. */
export function slotFromDisk(slot: Slot, startedAtMs: number): Slot | undefined {
  if (slot.saved === undefined || slot.temporary) {
    return undefined;
  }
  return {
    ...slot,
    ...slot.saved,
    version: nextVersion(),
    candidateRestart: undefined,
    candidateXmin: undefined,
    activePid: undefined,
    inactiveSince: startedAtMs,
    dirty: false,
  };
}

/** A later xmin for a slot, from what was read of WAL up to a position (`LogicalIncreaseXminForSlot`). */
export function increaseXmin(slot: Slot, validAt: Position, xmin: Xid): void {
  if (slot.catalogXmin !== undefined && xmin <= slot.catalogXmin) {
    return;
  }
  if (isConfirmed(slot, validAt)) {
    slot.candidateXmin = { value: xmin, validAt };
    confirmReceived(slot, slot.confirmedFlush ?? 0);
  } else {
    slot.candidateXmin ??= { value: xmin, validAt };
  }
}

/** A later restart_lsn for a slot (`LogicalIncreaseRestartDecodingForSlot`). */
export function increaseRestart(slot: Slot, validAt: Position, restartLsn: Position): void {
  if (slot.restartLsn !== undefined && restartLsn <= slot.restartLsn) {
    return;
  }
  if (isConfirmed(slot, validAt)) {
    slot.candidateRestart = { value: restartLsn, validAt };
    confirmReceived(slot, slot.confirmedFlush ?? 0);
  } else {
    slot.candidateRestart ??= { value: restartLsn, validAt };
  }
}

/** What a client has received (`LogicalConfirmReceivedLocation`): never moves a slot back, and saves it when a candidate is taken. */
export function confirmReceived(slot: Slot, position: Position): void {
  slot.confirmedFlush = Math.max(slot.confirmedFlush ?? 0, position);
  slot.version = nextVersion();
  const { candidateXmin, candidateRestart } = slot;
  let taken = false;
  if (
    candidateXmin !== undefined &&
    candidateXmin.validAt <= position &&
    candidateXmin.value !== slot.catalogXmin
  ) {
    slot.catalogXmin = candidateXmin.value;
    slot.candidateXmin = undefined;
    taken = true;
  }
  if (candidateRestart !== undefined && candidateRestart.validAt <= position) {
    slot.restartLsn = candidateRestart.value;
    slot.candidateRestart = undefined;
    taken = true;
  }
  if (taken && !slot.temporary) {
    saveSlot(slot);
  }
}

function isConfirmed(slot: Slot, position: Position): boolean {
  return slot.confirmedFlush !== undefined && position <= slot.confirmedFlush;
}
