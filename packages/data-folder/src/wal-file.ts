import { type Timeline, type TimelineHistory, timeline, timelineAt } from '@slotcast/domain';

const FILE_NAME = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$/;

/** A segment of WAL: the timeline in its file's name, and its number since the start of the WAL. */
export interface WalSegment {
  readonly timeline: Timeline;
  readonly number: bigint;
}

/**
 * The number of the segment that holds the byte at this position. On the border it is the segment that begins there, as decoding needs it; `pg_walfile_name()` names the one
 * before it up to 16 (`XLByteToPrevSeg`).
 */
export function segmentNumber(position: bigint, segmentSize: number): bigint {
  return position / BigInt(segmentSize);
}

/** The name of a segment's file in `pg_wal`, such as `000000010000000A000000FF`. */
export function walFileName(segment: WalSegment, segmentSize: number): string {
  const perFile = 2n ** 32n / BigInt(segmentSize);
  const parts = [BigInt(segment.timeline), segment.number / perFile, segment.number % perFile];
  return parts.map((part) => part.toString(16).toUpperCase().padStart(8, '0')).join('');
}

/** What a name in `pg_wal` says, if it is that of a whole segment; `undefined` for a history, a partial segment and all else. */
export function parseWalFileName(name: string, segmentSize: number): WalSegment | undefined {
  const [, tli, high, low] = FILE_NAME.exec(name) ?? [];
  if (tli === undefined || Number.parseInt(tli, 16) === 0) {
    return undefined;
  }
  const perFile = 2n ** 32n / BigInt(segmentSize);
  const number = BigInt(`0x${low}`);
  return number < perFile
    ? { timeline: timeline(Number.parseInt(tli, 16)), number: BigInt(`0x${high}`) * perFile + number }
    : undefined;
}

/** The name of the file that tells where a timeline came from; the first one has none. */
export function historyFileName(of: Timeline): string {
  return `${of.toString(16).toUpperCase().padStart(8, '0')}.history`;
}

/**
 * The segment that decoding opens for this position: where a timeline ends within it, the file of the later timeline, which begins with a copy of the earlier one
 * (`XLogReadDetermineTimeline`).
 */
export function segmentAt(history: TimelineHistory, position: bigint, segmentSize: number): WalSegment {
  const number = segmentNumber(position, segmentSize);
  const lastByte = (number + 1n) * BigInt(segmentSize) - 1n;
  return { timeline: timelineAt(history, lastByte), number };
}
