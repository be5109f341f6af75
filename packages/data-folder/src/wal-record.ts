import { type Lsn, lsn, type Timeline } from '@slotcast/domain';
import { viewOf } from './byte-fields.ts';
import { crc32c } from './crc32c.ts';
import { FileFormatError } from './file-format-error.ts';
import {
  decodeWalPage,
  LONG_HEADER_BYTES,
  positionText,
  SHORT_HEADER_BYTES,
  type WalPageHeader,
  type WalShape,
} from './wal-page.ts';

/** WAL to read from. */
export interface WalSource {
  readonly shape: WalShape;
  /** The whole page that begins at this address; `undefined` where there is none. */
  readonly page: (address: bigint) => Uint8Array | undefined;
  /** Which timeline the page that begins at this address must be of. */
  readonly timelineAt: (address: bigint) => Timeline;
}

/** A record whose checksum was verified. */
export interface WalRecord {
  /** Of its first byte. */
  readonly lsn: Lsn;
  /** Where the next one begins, or the header of the page that it begins on. Behind a switch to the next segment, that is where that begins. */
  readonly endLsn: Lsn;
  /** `xl_rmid`, the resource manager. */
  readonly manager: number;
  /** `xl_info` without what is not the manager's own: its upper four bits. */
  readonly kind: number;
  /** What follows the header of the record: headers of blocks and data, then these. */
  readonly body: Buffer;
}

/** What reading a record came to. `unreadable` says why in words. */
export type WalReading =
  | { readonly kind: 'record'; readonly record: WalRecord }
  | { readonly kind: 'missing'; readonly address: bigint }
  | { readonly kind: 'unreadable'; readonly why: string };

/** Records begin at multiples of it (MAXALIGN), so the border of a page never cuts the first eight bytes. */
const ALIGNMENT = 8n;
export const RECORD_HEADER_BYTES = 24;
/** Longer ones are not read: no record that is of interest here is. */
const MAX_RECORD_BYTES = 2 ** 24;
const CHECKSUM_AT = 20;
const KIND_MASK = 0xf0;
/** RM_XLOG_ID, XLOG_SWITCH: what is left of the segment holds nothing. */
const XLOG_MANAGER = 0;
const SWITCH_KIND = 0x40;

class MissingPage extends Error {
  readonly address: bigint;

  constructor(address: bigint) {
    super(`no page at ${positionText(address)}`);
    this.address = address;
  }
}

/**
 * Reads the record that begins at `at`, over the borders of pages and segments (`XLogReadRecord`). Where `at` is the beginning of a page, the record after its header is meant, as for the server.
 */
export function readWalRecord(source: WalSource, at: Lsn): WalReading {
  try {
    return { kind: 'record', record: recordAt(new PageReader(source), at) };
  } catch (error) {
    if (error instanceof MissingPage) {
      return { kind: 'missing', address: error.address };
    }
    if (error instanceof FileFormatError) {
      return { kind: 'unreadable', why: error.message };
    }
    throw error;
  }
}

function recordAt(reader: PageReader, at: Lsn): WalRecord {
  const start = reader.beginAt(at);
  const text = positionText(start);
  const length = reader.peekNumber();
  if (length < RECORD_HEADER_BYTES || length > MAX_RECORD_BYTES) {
    throw new FileFormatError('length', `at ${text} no record begins: its length would be ${length}`);
  }
  const record = reader.take(length);
  const header = record.subarray(0, CHECKSUM_AT);
  const body = record.subarray(RECORD_HEADER_BYTES);
  const [stored, computed] = [record.readUInt32LE(CHECKSUM_AT), crc32c(body, header)];
  if (stored !== computed) {
    throw new FileFormatError(
      'checksum',
      `at ${text} no record begins: its checksum would be ${computed}, not ${stored}`,
    );
  }
  const [manager, kind] = [record.readUInt8(17), record.readUInt8(16) & KIND_MASK];
  const isSwitch = manager === XLOG_MANAGER && kind === SWITCH_KIND;
  const end = roundUp(reader.position, isSwitch ? BigInt(reader.segmentSize) : ALIGNMENT);
  return { lsn: lsn(start), endLsn: lsn(end), manager, kind, body };
}

function roundUp(position: bigint, multiple: bigint): bigint {
  return position + ((multiple - (position % multiple)) % multiple);
}

interface LoadedPage {
  readonly address: bigint;
  readonly bytes: Buffer;
  readonly header: WalPageHeader;
}

/** Goes through the bytes of records, over the headers of pages. */
class PageReader {
  readonly #source: WalSource;
  readonly #pageSize: bigint;
  #page: LoadedPage | undefined;
  #position = 0n;

  constructor(source: WalSource) {
    this.#source = source;
    this.#pageSize = BigInt(source.shape.pageSize);
  }

  get position(): bigint {
    return this.#position;
  }

  get segmentSize(): number {
    return this.#source.shape.segmentSize;
  }

  /** Goes to where a record begins, and returns that. */
  beginAt(at: bigint): bigint {
    const text = positionText(at);
    const address = at - (at % this.#pageSize);
    const isFirst = address % BigInt(this.#source.shape.segmentSize) === 0n;
    const headerBytes = BigInt(isFirst ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES);
    const start = at === address ? at + headerBytes : at;
    if (start % ALIGNMENT !== 0n || start < address + headerBytes) {
      throw new FileFormatError('address', `at ${text} no record can begin`);
    }
    const { header } = this.#load(address);
    if (start === address + headerBytes && header.continuedBytes > 0) {
      throw new FileFormatError(
        'address',
        `at ${text} no record begins: the page goes on with an earlier one`,
      );
    }
    this.#position = start;
    return start;
  }

  /** The four bytes at the position, which the border of a page does not cut. */
  peekNumber(): number {
    const page = this.#load(this.#position - (this.#position % this.#pageSize));
    return page.bytes.readUInt32LE(Number(this.#position - page.address));
  }

  /** The next bytes, which are the rest of a record. */
  take(count: number): Buffer {
    const parts: Buffer[] = [];
    let left = count;
    while (left > 0) {
      const page = this.#pageAtPosition(left);
      const offset = Number(this.#position - page.address);
      const part = page.bytes.subarray(offset, offset + left);
      parts.push(part);
      left -= part.length;
      this.#position += BigInt(part.length);
    }
    return Buffer.concat(parts);
  }

  #pageAtPosition(left: number): LoadedPage {
    if (this.#page !== undefined && this.#position < this.#page.address + this.#pageSize) {
      return this.#page;
    }
    const next = this.#load(this.#position);
    if (next.header.continuedBytes !== left) {
      throw new FileFormatError(
        'address',
        `the page at ${positionText(next.address)} does not go on with the record of the page before`,
      );
    }
    this.#position = next.address + BigInt(next.header.bytes);
    return next;
  }

  #load(address: bigint): LoadedPage {
    const { page, shape, timelineAt } = this.#source;
    const found = page(address);
    if (found === undefined) {
      throw new MissingPage(address);
    }
    const bytes = viewOf(found);
    if (bytes.length !== shape.pageSize) {
      throw new FileFormatError(
        'short',
        `the page at ${positionText(address)} has only ${bytes.length} bytes`,
      );
    }
    const header = decodeWalPage(bytes, { shape, address, timeline: timelineAt(address) });
    const loaded = { address, bytes, header };
    this.#page = loaded;
    return loaded;
  }
}
