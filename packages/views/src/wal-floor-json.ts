import { formatLsn, type WalFloor } from '@slotcast/domain';

/** The shape of `slotcast wal-floor --output json`: positions as text, absent values null. */
export function walFloorJson({
  found,
  asOf,
  fileOf,
  segmentSize,
}: {
  readonly found: WalFloor;
  /** Text of the position; absent: now. */
  readonly asOf: string | undefined;
  /** Name of the WAL file of a need. */
  readonly fileOf: (need: NonNullable<WalFloor['floor']>) => string;
  readonly segmentSize: number;
}) {
  const { floor, needs, withoutNeed, unknown } = found;
  return {
    as_of_lsn: asOf ?? null,
    restart_lsn: floor === undefined ? null : formatLsn(floor.restartLsn),
    timeline: floor?.timeline ?? null,
    wal_file: floor === undefined ? null : fileOf(floor),
    wal_segment_size: segmentSize,
    slot: floor?.slot ?? null,
    slots: needs.map((need) => ({
      slot: need.slot,
      restart_lsn: formatLsn(need.restartLsn),
      timeline: need.timeline,
      wal_file: fileOf(need),
      orphaned: need.orphaned,
    })),
    without_need: withoutNeed,
    unknown: unknown.map(({ slot, why }) => ({ slot, why })),
  };
}

export type WalFloorJson = ReturnType<typeof walFloorJson>;
