import { parseBytes } from '@slotcast/config';
import {
  isProofSize,
  type Lsn,
  parseLsn,
  parseSlotFilters,
  parseSlotName,
  type Requirement,
  type SlotFilters,
  type SlotName,
} from '@slotcast/domain';
import { isPatience, PATIENCE } from '@slotcast/kernel';
import { InvalidArgumentError } from 'commander';

// Each reads the text of an option, and throws an InvalidArgumentError that says what is expected.

export function slotFilters(text: string): SlotFilters {
  try {
    return parseSlotFilters(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

export function position(text: string): Lsn {
  try {
    return parseLsn(text);
  } catch {
    throw new InvalidArgumentError('Expected a position in WAL, such as 16/B374D848.');
  }
}

export function moment(text: string): number {
  const isZoned = /(Z|[+-]\d\d:?\d\d)$/.test(text);
  const time = isZoned ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new InvalidArgumentError('Expected a time with its zone, such as 2026-01-31T12:00:00Z.');
  }
  return time;
}

export function timelineNumber(text: string): number {
  if (!/^[1-9][0-9]{0,9}$/.test(text)) {
    throw new InvalidArgumentError('Expected the number of a timeline.');
  }
  return Number(text);
}

export function slotName(text: string): SlotName {
  try {
    return parseSlotName(text);
  } catch {
    throw new InvalidArgumentError('A slot name has 1 to 63 of a-z, 0-9 and _.');
  }
}

export function timeoutMs(text: string): number {
  const match = /^([0-9]{1,6})(ms|s|min)?$/.exec(text);
  const ms =
    match === null ? Number.NaN : Number(match[1]) * { ms: 1, s: 1000, min: 60_000 }[unitOf(match[2])];
  if (!isPatience(ms)) {
    throw new InvalidArgumentError(`Expected ${PATIENCE}, such as 10s, 500ms or 1min.`);
  }
  return ms;
}

export function byteCount(text: string): number {
  try {
    const bytes = parseBytes(text);
    if (isProofSize(BigInt(bytes))) {
      return bytes;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) {
      throw error;
    }
  }
  throw new InvalidArgumentError('Expected a size from 1MB to 1GB, such as 64MB.');
}

function unitOf(text: string | undefined): 'ms' | 's' | 'min' {
  return text === 'ms' || text === 'min' ? text : 's';
}

export function startPosition(text: string): bigint | 'beginning' {
  if (text === 'beginning') {
    return text;
  }
  if (!/^[0-9]{1,18}$/.test(text)) {
    throw new InvalidArgumentError('Expected `beginning` or an offset.');
  }
  return BigInt(text);
}

export function requirement(text: string): Requirement {
  if (text === 'all') {
    return text;
  }
  if (!/^[1-9][0-9]{0,3}$/.test(text)) {
    throw new InvalidArgumentError('Expected `all` or a number of standbys.');
  }
  return Number(text);
}

/** Commander hands over what the option was given before. */
export function anotherSetting(text: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, text];
}

/** What `initdb --wal-segsize` takes: a power of two from 1 MB to 1 GB. */
export function segmentSize(text: string): number {
  const match = /^([0-9]{1,4})MB$|^1GB$/.exec(text);
  const megabytes = match === null ? Number.NaN : Number(match[1] ?? 1024);
  if (!(megabytes >= 1 && megabytes <= 1024 && Number.isInteger(Math.log2(megabytes)))) {
    throw new InvalidArgumentError('Expected a power of two from 1MB to 1GB, such as 16MB.');
  }
  return megabytes * 2 ** 20;
}
