/** PostgreSQL's database system identifier: one number for a primary and all its physical standbys, as decimal text. */
export type SystemIdentifier = string & { readonly __systemIdentifier: never };

/** A timeline number, 1 … 2^32-1. Every promotion starts a new one. */
export type Timeline = number & { readonly __timeline: never };

const MAX_TIMELINE = 0xffff_ffff;

/** Reads a system identifier (decimal, unsigned 64 bits). Throws a RangeError on anything else. */
export function parseSystemIdentifier(text: string): SystemIdentifier {
  if (!isSystemIdentifier(text)) {
    throw new RangeError(`not a database system identifier: ${JSON.stringify(text)}`);
  }
  return text;
}

function isSystemIdentifier(text: string): text is SystemIdentifier {
  return /^[1-9][0-9]{0,19}$/.test(text) && BigInt(text) < 2n ** 64n;
}

/** Brands a timeline number. Throws a RangeError outside 1 … 2^32-1. */
export function timeline(number: number): Timeline {
  if (!isTimeline(number)) {
    throw new RangeError(`not a timeline: ${number}`);
  }
  return number;
}

function isTimeline(number: number): number is Timeline {
  return Number.isInteger(number) && number >= 1 && number <= MAX_TIMELINE;
}
