import { crc32c } from '@slotcast/data-folder';

/** A changed copy whose checksum is right: that of the bytes from `from` to `to`, the end by default, is put at `at`. */
export function withChecksum(
  bytes: Uint8Array,
  {
    at,
    from,
    to,
    change,
  }: {
    readonly at: number;
    readonly from: number;
    readonly to?: number;
    readonly change: (bytes: Buffer) => void;
  },
): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  copy.writeUInt32LE(crc32c(copy.subarray(from, to)), at);
  return copy;
}
