import { type DataFolderMajor, type SlotFile, serverLayouts, slotPersistencies } from '@slotcast/data-folder';
import { type Lsn, lsn, parseSlotName } from '@slotcast/domain';
import * as fc from 'fast-check';

/** What is decoded has the usual prototype; deep equality would otherwise see a difference. */
const plain = { noNullPrototype: true } as const;

export const anyLsn: fc.Arbitrary<Lsn> = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(lsn);
const maybeLsn = fc.option(anyLsn, { nil: undefined });
const maybeXid = fc.option(fc.integer({ min: 1, max: 2 ** 32 - 1 }), { nil: undefined });
const anyOid = fc.nat({ max: 2 ** 32 - 1 });
const anyName = fc
  .string({
    unit: fc.constantFrom(...Array.from('abcdefghijklmnopqrstuvwxyz0123456789_')),
    minLength: 1,
    maxLength: 63,
  })
  .map(parseSlotName);
const anyPlugin = fc
  .string({ unit: 'grapheme', maxLength: 40 })
  .filter((text) => Buffer.byteLength(text) < 64 && !text.includes('\0'));

/** Any slot that a server of this major can have. */
export function anySlotFile(major: DataFolderMajor): fc.Arbitrary<SlotFile> {
  const layout = serverLayouts[major].slot;
  const none = fc.constant(undefined);
  const off = fc.constant(false);
  return fc.record<SlotFile>(
    {
      name: anyName,
      databaseOid: anyOid,
      persistency: fc.constantFrom(...slotPersistencies),
      xmin: maybeXid,
      catalogXmin: maybeXid,
      restartLsn: maybeLsn,
      confirmedFlushLsn: maybeLsn,
      twoPhase: layout.twoPhase === undefined ? off : fc.boolean(),
      twoPhaseAt: layout.twoPhase === undefined ? none : maybeLsn,
      plugin: anyPlugin,
      synced: layout.failover === undefined ? off : fc.boolean(),
      failover: layout.failover === undefined ? off : fc.boolean(),
      invalidated: fc.constantFrom(...(layout.invalidated?.causes ?? [0])),
      invalidatedAt: layout.invalidatedAt === undefined ? none : maybeLsn,
    },
    plain,
  );
}
