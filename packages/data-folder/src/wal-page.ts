import { formatLsn, lsn, type SystemIdentifier, type Timeline } from '@slotcast/domain';
import { systemIdentifierField, timelineField, viewOf } from './byte-fields.ts';
import { FileFormatError } from './file-format-error.ts';
import { type DataFolderMajor, serverLayouts } from './server-layout.ts';

/** What all WAL of a server has in common. */
export interface WalShape {
  readonly major: DataFolderMajor;
  readonly systemIdentifier: SystemIdentifier;
  /** Bytes. */
  readonly segmentSize: number;
  /** Bytes; 8192 unless the server was built otherwise. */
  readonly pageSize: number;
}

/** The header of a page of WAL (`XLogPageHeaderData`, `XLogLongPageHeaderData`). */
export interface WalPageHeader {
  readonly timeline: Timeline;
  /**
   * The page begins in the middle of a record, of which so many bytes are left; 0 when it does not. So it is, too, where the record before was given up in a crash
   * (XLP_FIRST_IS_OVERWRITE_CONTRECORD).
   */
  readonly continuedBytes: number;
  /** Of the header. */
  readonly bytes: number;
}

export const SHORT_HEADER_BYTES = 24;
export const LONG_HEADER_BYTES = 40;
const FIRST_IS_CONTRECORD = 1;
const LONG_HEADER = 2;
/** With XLP_BKP_REMOVABLE and XLP_FIRST_IS_OVERWRITE_CONTRECORD. */
const ALL_FLAGS = 15;

export interface ExpectedPage {
  readonly shape: WalShape;
  /** Where the page begins in the WAL: a multiple of the page size. */
  readonly address: bigint;
  /** Absent: whichever it is. */
  readonly timeline?: Timeline;
}

/**
 * Reads the header of a page. Throws a FileFormatError when it is not the page that is expected there. A segment that was recycled and not yet written has the name of its place and the
 * pages of another one: that is fault `address`.
 */
export function decodeWalPage(bytes: Uint8Array, expected: ExpectedPage): WalPageHeader {
  const { shape, address } = expected;
  const page = viewOf(bytes);
  const isFirst = address % BigInt(shape.segmentSize) === 0n;
  const headerBytes = isFirst ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES;
  if (page.length < headerBytes) {
    throw new FileFormatError('short', `the page at ${positionText(address)} has only ${page.length} bytes`);
  }
  const magic = page.readUInt16LE(0);
  const { walMagic } = serverLayouts[shape.major];
  if (magic !== walMagic) {
    throw new FileFormatError(
      'magic',
      `the page at ${positionText(address)} begins with 0x${magic.toString(16)}, PostgreSQL ${shape.major} writes 0x${walMagic.toString(16)}`,
    );
  }
  const found = page.readBigUInt64LE(8);
  if (found !== address) {
    throw new FileFormatError(
      'address',
      `the page at ${positionText(address)} is that of ${positionText(found)}`,
    );
  }
  const flags = page.readUInt16LE(2);
  if (flags > ALL_FLAGS || isFirst !== ((flags & LONG_HEADER) !== 0)) {
    throw new FileFormatError('flag', `the page at ${positionText(address)} has flags ${flags}`);
  }
  const timeline = timelineField(page, 4, 'the timeline');
  if (expected.timeline !== undefined && timeline !== expected.timeline) {
    throw new FileFormatError(
      'timeline',
      `the page at ${positionText(address)} is of timeline ${timeline}, not ${expected.timeline}`,
    );
  }
  if (isFirst) {
    checkLongHeader(page, shape);
  }
  const isContinued = (flags & FIRST_IS_CONTRECORD) !== 0;
  return {
    timeline,
    continuedBytes: isContinued ? page.readUInt32LE(16) : 0,
    bytes: headerBytes,
  };
}

/** The positions of the pages, in text as PostgreSQL has it; also of 0, which is no position of a record. */
export function positionText(position: bigint): string {
  return position === 0n || position >= 2n ** 63n ? `0x${position.toString(16)}` : formatLsn(lsn(position));
}

function checkLongHeader(page: Buffer, shape: WalShape): void {
  const system = systemIdentifierField(page, 24);
  if (system !== shape.systemIdentifier) {
    throw new FileFormatError('system', `it is WAL of system ${system}, not of ${shape.systemIdentifier}`);
  }
  const [segmentSize, pageSize] = [page.readUInt32LE(32), page.readUInt32LE(36)];
  if (segmentSize !== shape.segmentSize || pageSize !== shape.pageSize) {
    throw new FileFormatError(
      'size',
      `it is WAL in segments of ${segmentSize} and pages of ${pageSize} bytes, not ${shape.segmentSize} and ${shape.pageSize}`,
    );
  }
}
