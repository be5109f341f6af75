import { isUtf8 } from 'node:buffer';

/** A record to be written to a slots or nodes topic. */
export interface EncodedRecord {
  readonly key: Uint8Array;
  /** `null` is a tombstone. */
  readonly value: Uint8Array | null;
  readonly headers: ReadonlyMap<string, Uint8Array>;
}

/** A record as it was read: anything may be in it. */
export interface StoredRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: ReadonlyMap<string, Uint8Array>;
}

/** A record that slotcast cannot use. It has to be skipped loudly, and must not stop the records after it. */
export interface MalformedRecord {
  readonly kind: 'malformed';
  /** The record's key in printable form, at most 256 characters. */
  readonly key: string;
  /** What is wrong with it. */
  readonly reason: string;
}

/** What was read is not what slotcast writes; the message says why. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
}

/** Runs a step of decoding. Whatever it throws is the record's fault and comes out as a MalformedError. */
export function decodeStep<T>(step: () => T): T {
  try {
    return step();
  } catch (cause) {
    throw new MalformedError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

const MAX_PRINTED_KEY = 256;

/** A key for people: its text if it is printable, else its bytes in hexadecimal. */
export function printableKey(key: Uint8Array | null): string {
  if (key === null) {
    return '(no key)';
  }
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.length);
  const text = bytes.toString('utf8');
  const printable = isUtf8(bytes) && /^[^\p{C}]+$/u.test(text);
  return (printable ? text : `0x${bytes.toString('hex')}`).slice(0, MAX_PRINTED_KEY);
}
