const BYTE_UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'] as const;
const BYTE_STEP = 1024;
const SECOND_MS = 1000;
const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;

/** Bytes for people, in powers of 1024 as `pg_size_pretty` has them: `512 bytes`, `12 kB`, `1.4 MB`. */
export function bytesText(bytes: bigint): string {
  let amount = Number(bytes);
  let unit = 0;
  while (amount >= BYTE_STEP && unit < BYTE_UNITS.length - 1) {
    amount /= BYTE_STEP;
    unit += 1;
  }
  const digits = unit > 1 && amount < 10 ? 1 : 0;
  return `${amount.toFixed(digits)} ${bytes === 1n ? 'byte' : BYTE_UNITS[unit]}`;
}

/** A stretch of time for people: `340 ms`, `12 s`, `3 min 20 s`, `5 h 2 min`, `12 d 3 h`. */
export function durationText(ms: number): string {
  if (ms < SECOND_MS) {
    return `${Math.round(ms)} ms`;
  }
  const seconds = Math.round(ms / SECOND_MS);
  if (seconds < MINUTE_S) {
    return `${seconds} s`;
  }
  if (seconds < HOUR_S) {
    return twoParts(seconds, { big: MINUTE_S, bigName: 'min', small: 1, smallName: 's' });
  }
  return seconds < DAY_S
    ? twoParts(seconds, { big: HOUR_S, bigName: 'h', small: MINUTE_S, smallName: 'min' })
    : twoParts(seconds, { big: DAY_S, bigName: 'd', small: HOUR_S, smallName: 'h' });
}

/** How long ago something was, to the second. */
export function agoText(ms: number): string {
  return ms < SECOND_MS ? 'just now' : `${durationText(ms)} ago`;
}

function twoParts(
  seconds: number,
  units: {
    readonly big: number;
    readonly bigName: string;
    readonly small: number;
    readonly smallName: string;
  },
): string {
  const rest = Math.floor((seconds % units.big) / units.small);
  const text = `${Math.floor(seconds / units.big)} ${units.bigName}`;
  return rest === 0 ? text : `${text} ${rest} ${units.smallName}`;
}

/** A number with the noun that it counts: `1 slot`, `3 slots`. */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
