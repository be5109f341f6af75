import {
  type Lsn,
  lsn,
  parseSystemIdentifier,
  type SystemIdentifier,
  type Timeline,
  timeline,
} from '@slotcast/domain';
import { FileFormatError } from './file-format-error.ts';

/** The bytes as a Buffer over the same memory. */
export function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A position of eight bytes; `undefined` for 0, PostgreSQL's InvalidXLogRecPtr. Throws a FileFormatError beyond 2^63-1. */
export function lsnField(bytes: Buffer, offset: number, field: string): Lsn | undefined {
  const value = bytes.readBigUInt64LE(offset);
  if (value >= 2n ** 63n) {
    throw new FileFormatError('position', `${field} is 0x${value.toString(16)}, which no WAL reaches`);
  }
  return value === 0n ? undefined : lsn(value);
}

/** As `lsnField`, of a position that is always set. */
export function setLsnField(bytes: Buffer, offset: number, field: string): Lsn {
  const value = lsnField(bytes, offset, field);
  if (value === undefined) {
    throw new FileFormatError('position', `${field} is 0/0`);
  }
  return value;
}

export function timelineField(bytes: Buffer, offset: number, field: string): Timeline {
  const value = bytes.readUInt32LE(offset);
  if (value === 0) {
    throw new FileFormatError('timeline', `${field} is 0`);
  }
  return timeline(value);
}

export function systemIdentifierField(bytes: Buffer, offset: number): SystemIdentifier {
  const value = bytes.readBigUInt64LE(offset);
  if (value === 0n) {
    throw new FileFormatError('system', 'the system identifier is 0');
  }
  return parseSystemIdentifier(String(value));
}

/** A C `bool`. */
export function flagField(bytes: Buffer, offset: number, field: string): boolean {
  const value = bytes.readUInt8(offset);
  if (value > 1) {
    throw new FileFormatError('flag', `${field} is ${value}, neither 0 nor 1`);
  }
  return value === 1;
}
