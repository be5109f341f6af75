import {
  chooseRestartWork,
  lsn,
  parseSlotName,
  type RestartGap,
  type RestartInput,
  type RestartWork,
  type SlotName,
  unknownCost,
  type WaveSource,
} from '@slotcast/domain';
import { LARGEST, MIB, mib } from './restart-sizes.ts';

export const name = parseSlotName;

/** A copy that stands at 10,000 MiB, `behind` MiB behind the restart_lsn of its primary's slot, which is where it stands. */
export function gap(slot: string, behind: number, over: Partial<RestartGap> = {}): RestartGap {
  const position = over.position ?? mib(10_000);
  return {
    slot: name(slot),
    database: { name: 'shop', oid: 1 },
    plugin: 'pgoutput',
    restartLsn: lsn(position - BigInt(behind) * MIB),
    position,
    wanted: position,
    bytes: BigInt(behind) * MIB,
    remakeable: true,
    ...over,
  };
}

/** The one that the last wave left, which needs WAL from `behind` MiB before its position on. */
export function leadingSlot(behind: number, position = mib(10_000)): WaveSource {
  const { slot, database, plugin, restartLsn } = gap('slotcast_leader_1', behind, { position });
  return { slot, database, plugin, restartLsn, position };
}

export function gaps(count: number, behind: number): RestartGap[] {
  return Array.from({ length: count }, (_, index) => gap(`s${index}`, behind));
}

export function choose(over: Partial<RestartInput>): RestartWork {
  return chooseRestartWork({
    gaps: [],
    largestBytes: LARGEST,
    urgentBytes: 3n * LARGEST,
    cost: unknownCost,
    duty: 0.25,
    walPerSecond: 0,
    freeSlots: 10,
    resting: new Set<SlotName>(),
    overdue: new Set<SlotName>(),
    newLeader: { mayStart: false, fromMs: 300, leftBehind: new Map() },
    ...over,
  });
}
