const MS_PER_UNIT: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['min', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

/** Powers of 1024 under both spellings, as PostgreSQL reads `kB`, `MB` and `GB`. */
const BYTES_PER_UNIT: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['kB', 1024],
  ['KiB', 1024],
  ['MB', 1024 ** 2],
  ['MiB', 1024 ** 2],
  ['GB', 1024 ** 3],
  ['GiB', 1024 ** 3],
  ['TB', 1024 ** 4],
  ['TiB', 1024 ** 4],
]);

/**
 * Reads a time such as `500ms`, `10 min` or `1.5 h` as milliseconds; a bare number has the unit `bareUnit`. The units are
 * those of PostgreSQL's settings. Throws a RangeError on anything else, and when it is not a whole number of milliseconds.
 */
export function parseDurationMs(text: string, bareUnit: 'ms' | 's'): number {
  return parseAmount(text, MS_PER_UNIT, bareUnit, 'a time');
}

/** Reads a size such as `64 MiB` or `1GB` as bytes; a bare number is bytes. Throws a RangeError on anything else. */
export function parseBytes(text: string): number {
  return parseAmount(text, BYTES_PER_UNIT, 'B', 'a size');
}

function parseAmount(
  text: string,
  units: ReadonlyMap<string, number>,
  bareUnit: string,
  noun: string,
): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  const unit = match?.[2] === '' ? bareUnit : match?.[2];
  const factor = unit === undefined ? undefined : units.get(unit);
  if (match?.[1] === undefined || factor === undefined) {
    throw new RangeError(`not ${noun}: ${JSON.stringify(text)} (units: ${[...units.keys()].join(', ')})`);
  }
  const amount = Number(match[1]) * factor;
  if (!Number.isSafeInteger(amount)) {
    throw new RangeError(`not ${noun}: ${JSON.stringify(text)} is too large or too fine`);
  }
  return amount;
}
