/** The reversed Castagnoli polynomial. */
const POLYNOMIAL = 0x82f63b78;

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    value = (value & 1) === 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  }
  return value;
});

/**
 * CRC-32C of the parts one after the other: the checksum that PostgreSQL puts into its own files (`pg_crc32c.h`). The test kit has one
 * of its own, because it imports nothing of the product.
 */
export function crc32c(...parts: readonly Uint8Array[]): number {
  let value = 0xffffffff;
  for (const part of parts) {
    // Over an index, which is several times as quick as over an iterator.
    for (let index = 0; index < part.length; index += 1) {
      value = Number(table[(value ^ Number(part[index])) & 0xff]) ^ (value >>> 8);
    }
  }
  return (value ^ 0xffffffff) >>> 0;
}
