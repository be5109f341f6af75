import assert from 'node:assert/strict';
import { type FileFault, FileFormatError } from '@slotcast/data-folder';

/** What a decoder finds wrong; `undefined` when nothing is. */
export function faultOf(decode: () => unknown): FileFault | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof FileFormatError, String(error));
    return error.fault;
  }
}

/** A copy with one bit turned over. */
export function flipped(bytes: Uint8Array, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  const byte = Math.floor(bit / 8);
  copy.writeUInt8(copy.readUInt8(byte) ^ (1 << (bit % 8)), byte);
  return copy;
}

/** The bits of these bytes that the decoder does not find turned over. */
export function undetectedBits(
  bytes: Uint8Array,
  from: number,
  to: number,
  decode: (bytes: Uint8Array) => unknown,
): number[] {
  return Array.from({ length: (to - from) * 8 }, (_, index) => from * 8 + index).filter(
    (bit) => faultOf(() => decode(flipped(bytes, bit))) === undefined,
  );
}
