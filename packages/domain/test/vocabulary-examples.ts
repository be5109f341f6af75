import {
  type LogicalSlotState,
  type Lsn,
  lsn,
  type PhysicalSlotState,
  parseSlotName,
  type SlotName,
  type SlotState,
} from '@slotcast/domain';
import * as fc from 'fast-check';

/** The database of `logicalSlot`. */
export const shop = { name: 'shop', oid: 16_384 } as const;

/** A logical slot in good health; `over` replaces single fields. */
export function logicalSlot(name: string, over: Partial<LogicalSlotState> = {}): LogicalSlotState {
  return {
    name: parseSlotName(name),
    type: 'logical',
    plugin: 'pgoutput',
    database: shop.name,
    databaseOid: shop.oid,
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

export function physicalSlot(name: string, over: Partial<PhysicalSlotState> = {}): PhysicalSlotState {
  return {
    name: parseSlotName(name),
    type: 'physical',
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
  .map(([name, fields, plugin]) => {
    const { restartLsn, catalogXmin, walStatus, active } = fields;
    return plugin === undefined
      ? physicalSlot(name, { restartLsn, catalogXmin, walStatus, active })
      : logicalSlot(name, { ...fields, plugin });
  });

/** What one poll could show: any slots, each name once. */
export const anySlots: fc.Arbitrary<SlotState[]> = fc.uniqueArray(anySlotState, {
  selector: (slot) => slot.name,
});
