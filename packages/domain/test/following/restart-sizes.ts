import { type Lsn, lsn } from '@slotcast/domain';

export const MIB = 1024n * 1024n;
/** The gap of restart_lsn from which on something is done, as it is by default. */
export const LARGEST = 64n * MIB;

export function mib(count: number): Lsn {
  return lsn(BigInt(count) * MIB);
}
