/**
 * A position in the write-ahead log: bytes since the start of the cluster's WAL, an unsigned 64-bit number.
 * PostgreSQL's `pg_lsn`. An absent position is `undefined`, never 0.
 */
export type Lsn = bigint & { readonly __lsn: never };

const LSN_TEXT = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;
/** Positions are stored as signed 64-bit longs in Avro, so the top bit must stay free. */
const MAX_LSN = 2n ** 63n - 1n;

/** Reads `pg_lsn` text such as `16/B374D848`. Throws a RangeError on anything else, and on 0/0 (invalid in PostgreSQL). */
export function parseLsn(text: string): Lsn {
  const match = LSN_TEXT.exec(text);
  if (match === null) {
    throw new RangeError(`not an LSN: ${JSON.stringify(text)} (expected hexadecimal text like 16/B374D848)`);
  }
  return lsn((BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`));
}

/** Brands a number of bytes as a position. Throws a RangeError outside 1 … 2^63-1. */
export function lsn(bytes: bigint): Lsn {
  if (!isLsn(bytes)) {
    throw new RangeError(`not a valid LSN: ${bytes} (valid are 1 to ${MAX_LSN})`);
  }
  return bytes;
}

function isLsn(bytes: bigint): bytes is Lsn {
  return bytes > 0n && bytes <= MAX_LSN;
}

/** Writes a position as PostgreSQL does: two upper-case hexadecimal halves without leading zeros. */
export function formatLsn(position: Lsn): string {
  const high = (position >> 32n).toString(16).toUpperCase();
  const low = (position & 0xffff_ffffn).toString(16).toUpperCase();
  return `${high}/${low}`;
}

/** The earlier of two positions of the same WAL branch. */
export function minLsn(a: Lsn, b: Lsn): Lsn {
  return a < b ? a : b;
}

/** The later of two positions of the same WAL branch. */
export function maxLsn(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b;
}

/** The later of two positions of the same WAL branch, of those that are known. */
export function laterLsn(a: Lsn | undefined, b: Lsn | undefined): Lsn | undefined {
  return a === undefined || b === undefined ? (a ?? b) : maxLsn(a, b);
}
