import type { SlotFile } from '@slotcast/data-folder';
import type { SlotInstallation, SlotName, SlotState } from '@slotcast/domain';
import type { FoundSlots } from './found-slots.ts';

/** The slots of a data folder as a server would show them. What cannot be read is left out. */
export function slotsOf(found: FoundSlots): ReadonlyMap<SlotName, SlotState> {
  return new Map(
    found.slots.flatMap((entry) =>
      entry.kind === 'slot' ? [[entry.slot.name, stateOf(entry.slot)] as const] : [],
    ),
  );
}

function stateOf(file: SlotFile): SlotState {
  const { name, restartLsn, catalogXmin } = file;
  const isLost = file.invalidated !== 0 || file.invalidatedAt !== undefined;
  const shared = { name, restartLsn, catalogXmin, walStatus: isLost ? 'lost' : undefined, active: false };
  if (file.databaseOid === 0) {
    return { type: 'physical', ...shared, xmin: file.xmin };
  }
  const { plugin, databaseOid, twoPhase, twoPhaseAt, failover, synced, confirmedFlushLsn } = file;
  return {
    type: 'logical',
    ...shared,
    plugin,
    databaseOid,
    twoPhase,
    twoPhaseAt,
    failover,
    synced,
    confirmedFlushLsn,
  };
}

/** The file of a slot that is to be installed. */
export function fileOf(slot: SlotInstallation): SlotFile {
  const { snapshot: _, ...fields } = slot;
  return { ...fields, persistency: 'persistent', synced: false, invalidated: 0 };
}
