import {
  type Lsn,
  lsn,
  parseSlotName,
  type SlotDatabase,
  type SlotName,
  type SlotState,
} from '@slotcast/domain';
import * as fc from 'fast-check';

/** The database of `logicalSlot`, as records from before the oid was told have it. */
export const shop: SlotDatabase = { name: 'shop', oid: undefined };

/** A logical slot in good health; `over` replaces single fields. */
export function logicalSlot(name: string, over: Partial<SlotState> = {}): SlotState {
  return {
    name: parseSlotName(name),
    type: 'logical',
    plugin: 'pgoutput',
    database: 'shop',
    twoPhase: false,
    failover: false,
    synced: false,
    restartLsn: lsn(0x1000n),
    confirmedFlushLsn: lsn(0x2000n),
    catalogXmin: 750,
    walStatus: 'reserved',
    active: true,
    ...over,
  };
}

export function physicalSlot(name: string, over: Partial<SlotState> = {}): SlotState {
  return {
    name: parseSlotName(name),
    type: 'physical',
    twoPhase: false,
    failover: false,
    synced: false,
    restartLsn: lsn(0x1000n),
    xmin: 750,
    walStatus: 'reserved',
    active: true,
    ...over,
  };
}

export const anyLsn: fc.Arbitrary<Lsn> = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(lsn);

/** Few names and few values each, so that two draws often meet. */
const anySlotName: fc.Arbitrary<SlotName> = fc.constantFrom('a', 'b', 'c', 'd', 'e').map(parseSlotName);

const nearbyLsn = fc.option(fc.bigInt({ min: 1n, max: 6n }).map(lsn), { nil: undefined });

const anyMovingFields = fc.record({
  twoPhase: fc.boolean(),
  failover: fc.boolean(),
  restartLsn: nearbyLsn,
  confirmedFlushLsn: nearbyLsn,
  catalogXmin: fc.constantFrom(750, 751),
  walStatus: fc.constantFrom('reserved', 'extended', 'lost'),
  active: fc.boolean(),
});

const anySlotState: fc.Arbitrary<SlotState> = fc
  .tuple(anySlotName, anyMovingFields, fc.constantFrom('pgoutput', 'wal2json', undefined))
  .map(([name, fields, plugin]) =>
    plugin === undefined ? physicalSlot(name, fields) : logicalSlot(name, { ...fields, plugin }),
  );

/** What one poll could show: any slots, each name once. */
export const anySlots: fc.Arbitrary<SlotState[]> = fc.uniqueArray(anySlotState, {
  selector: (slot) => slot.name,
});
