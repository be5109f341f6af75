import type { ServerCore, ServerSession } from './core.ts';
import { loadPlugin } from './creation.ts';
import { formatPosition } from './position-text.ts';
import { decodeUpTo, requireWal } from './reading.ts';
import { changeSlot, confirmReceived, newSlot, type Slot, saveSlot } from './slot.ts';
import { noSuchSlot, refusal } from './sqlstate.ts';
import type { Position } from './wal.ts';

/** Who touches a slot: a session, as far as it matters. */
export type Toucher = Pick<ServerSession, 'pid' | 'databaseOid' | 'process'>;

export interface SlotCopy {
  readonly source: string;
  readonly target: string;
  readonly plugin: string | undefined;
  readonly temporary: boolean;
}

/** `pg_copy_logical_replication_slot`. Throws 42704, 42710, 53400, 55000, 0A000 or 58P01. */
export function copySlot(
  core: ServerCore,
  who: Toucher,
  { source, target, plugin, temporary }: SlotCopy,
): Slot {
  const from = core.slots.find(source);
  if (from === undefined) {
    throw refusal('42704', `replication slot "${source}" does not exist`, 'copy_replication_slot');
  }
  if (from.type !== 'logical') {
    throw refusal(
      '0A000',
      `cannot copy physical replication slot "${source}" as a logical replication slot`,
      'copy_replication_slot',
    );
  }
  if (from.invalidation !== undefined) {
    throw refusal('55000', `cannot copy invalidated replication slot "${source}"`, 'copy_replication_slot');
  }
  if (from.restartLsn === undefined) {
    throw refusal(
      '55000',
      "cannot copy a replication slot that doesn't reserve WAL",
      'copy_replication_slot',
    );
  }
  const wantedPlugin = plugin ?? from.plugin ?? '';
  const { databaseOid } = who;
  const slot = newSlot({
    name: target,
    type: 'logical',
    plugin: wantedPlugin,
    databaseOid,
    temporary,
    twoPhase: false,
  });
  core.slots.add(slot);
  try {
    loadPlugin(core, wantedPlugin);
    if (from.confirmedFlush === undefined) {
      throw refusal(
        '0A000',
        `cannot copy unfinished logical replication slot "${source}"`,
        'copy_replication_slot',
      );
    }
  } catch (error) {
    core.slots.remove(slot);
    throw error;
  }
  const { restartLsn, confirmedFlush, catalogXmin, brokenCatalog } = from;
  changeSlot(slot, { restartLsn, confirmedFlush, catalogXmin, brokenCatalog });
  if (temporary) {
    changeSlot(slot, { activePid: who.pid });
  } else {
    saveSlot(slot);
    core.slots.release(slot, core.nowMs);
  }
  return slot;
}

/** `pg_create_physical_replication_slot` without WAL. Throws 42710 or 53400. */
export function createPlaceholder(core: ServerCore, name: string): void {
  const physical = { type: 'physical', plugin: undefined, databaseOid: undefined } as const;
  const slot = newSlot({ name, ...physical, temporary: false, twoPhase: false });
  core.slots.add(slot);
  saveSlot(slot);
  core.slots.release(slot, core.nowMs);
}

/** `pg_drop_replication_slot`. Throws 42704 or 55006. */
export function dropSlot(core: ServerCore, who: Toucher, name: string): void {
  core.dropSlot(core.slots.acquire(name, who.pid), who.process);
}

/** What an advance would have to do, or `undefined` where it fails at once. */
export function advanceSlot(core: ServerCore, who: Toucher, name: string, target: Position): Position {
  if (target === 0) {
    throw refusal('22023', 'invalid target WAL LSN', 'pg_replication_slot_advance');
  }
  const end = Math.min(target, core.inRecovery ? core.replayLsn : core.flushLsn);
  const slot = core.slots.acquire(name, who.pid);
  requireOwnDatabase(slot, who);
  if (slot.invalidation !== undefined) {
    throw invalidated(slot);
  }
  if (slot.restartLsn === undefined) {
    throw refusal('55000', `replication slot "${name}" cannot be advanced`, 'pg_replication_slot_advance');
  }
  if (end < (slot.confirmedFlush ?? 0)) {
    throw refusal(
      '55000',
      `cannot advance replication slot to ${formatPosition(end)}, minimum is ${formatPosition(slot.confirmedFlush ?? 0)}`,
      'pg_replication_slot_advance',
    );
  }
  requireWal(core, slot);
  decodeUpTo(core.wal, slot, core.snapshots, { startDecodingAt: slot.confirmedFlush ?? 0, upTo: end });
  confirmReceived(slot, end);
  changeSlot(slot, { dirty: true });
  core.slots.release(slot, core.nowMs);
  return end;
}

/** A client that asks for a position, confirms it, and goes (`START_REPLICATION … LOGICAL`): nothing is decoded. Throws 42704, 55006 or 55000. */
export function moveSlot(core: ServerCore, who: Toucher, name: string, target: Position): void {
  const slot = core.slots.acquire(name, who.pid);
  requireStreamable(slot, who);
  loadPlugin(core, slot.plugin ?? '');
  confirmReceived(slot, target);
  core.slots.release(slot, core.nowMs);
}

/** A client of pgoutput that asks for two_phase, and goes: the slot has it from where it stands. Throws 42704, 55006 or 55000. */
export function enableTwoPhase(core: ServerCore, who: Toucher, name: string): void {
  const slot = core.slots.acquire(name, who.pid);
  requireStreamable(slot, who);
  loadPlugin(core, slot.plugin ?? '');
  if (!slot.twoPhase) {
    changeSlot(slot, { twoPhase: true, twoPhaseAt: slot.confirmedFlush });
    saveSlot(slot);
  }
  core.slots.release(slot, core.nowMs);
}

/** What a walsender looks at before it streams from a slot (`CreateDecodingContext`). Throws 55000. */
export function requireStreamable(slot: Slot, who: Toucher): void {
  if (slot.invalidation !== undefined) {
    throw invalidated(slot);
  }
  if (slot.type === 'physical') {
    throw refusal(
      '55000',
      'cannot use physical replication slot for logical decoding',
      'CreateDecodingContext',
    );
  }
  if (slot.databaseOid !== who.databaseOid) {
    throw refusal(
      '55000',
      `replication slot "${slot.name}" was not created in this database`,
      'CreateDecodingContext',
    );
  }
}

export interface SlotRemake {
  readonly slot: string;
  readonly leader: string;
  readonly plugin: string;
  readonly confirmed: Position;
}

/** What stands in the way of making a slot anew from its leader, in the words and the order of the statement that does it. */
export function remakeObstacle(
  core: ServerCore,
  who: Toucher,
  { slot: name, leader: leaderName, plugin, confirmed }: SlotRemake,
): string | null {
  const slot = core.slots.find(name);
  const leader = core.slots.find(leaderName);
  if (!core.inRecovery) {
    return 'the server is no standby any more';
  }
  if (slot === undefined) {
    return 'there is no such slot';
  }
  if (leader === undefined) {
    return 'the leading slot is gone';
  }
  return obstacleOfSlot(slot, who, plugin) ?? obstacleOfLeader(slot, leader, who, confirmed);
}

function obstacleOfSlot(slot: Slot, who: Toucher, plugin: string): string | null {
  if (slot.type !== 'logical' || slot.temporary) {
    return 'it is none of the slots that may be made anew';
  }
  if (slot.databaseOid !== who.databaseOid) {
    return 'it belongs to another database';
  }
  if (slot.twoPhase) {
    return 'a copy would lose two_phase';
  }
  if (slot.plugin !== plugin) {
    return 'it has another plugin';
  }
  if (slot.activePid !== undefined) {
    return 'another session uses it';
  }
  if (slot.invalidation !== undefined) {
    return 'it is invalidated';
  }
  return slot.confirmedFlush === undefined || slot.restartLsn === undefined ? 'it has no position' : null;
}

function obstacleOfLeader(slot: Slot, leader: Slot, who: Toucher, confirmed: Position): string | null {
  const isOther =
    leader.type !== 'logical' ||
    leader.temporary ||
    leader.databaseOid !== who.databaseOid ||
    leader.twoPhase;
  if (isOther) {
    return 'the leading slot is another one';
  }
  const { restartLsn, confirmedFlush } = leader;
  if (leader.invalidation !== undefined || restartLsn === undefined || confirmedFlush === undefined) {
    return 'the leading slot is invalidated';
  }
  if (confirmedFlush > Math.min(slot.confirmedFlush ?? 0, confirmed)) {
    return 'the leading slot is beyond it';
  }
  return restartLsn <= (slot.restartLsn ?? 0) ? 'the leading slot needs as much WAL' : null;
}

/** The server lets another database's session do it; it would be slotcast's fault, and could stop a standby. */
function requireOwnDatabase(slot: Slot, who: Toucher): void {
  if (slot.type !== 'logical') {
    throw noSuchSlot(slot.name);
  }
  if (slot.databaseOid !== who.databaseOid) {
    throw new Error(`slot ${slot.name} is advanced from another database`);
  }
}

function invalidated(slot: Slot): Error {
  return refusal('55000', `can no longer access replication slot "${slot.name}"`, 'ReplicationSlotAcquire');
}
