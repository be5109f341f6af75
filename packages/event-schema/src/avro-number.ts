const MAX_DATE_MS = 8_640_000_000_000_000;

/** A number as an Avro long. Throws a RangeError when it is not an integer that JavaScript holds exactly. */
export function toLong(name: string, number: number): bigint {
  if (!Number.isSafeInteger(number)) {
    throw new RangeError(`${name} cannot be written as a long: ${number} is not an integer within 2^53`);
  }
  return BigInt(number);
}

/** Milliseconds since 1970 as an Avro long. Throws a RangeError when no calendar date is meant. */
export function toTimestamp(name: string, ms: number): bigint {
  if (Math.abs(ms) > MAX_DATE_MS) {
    throw new RangeError(`${name} is no time: ${ms} ms since 1970`);
  }
  return toLong(name, ms);
}

/** An optional field: null is how Avro says absent. */
export function orNull<T, U>(value: T | undefined, write: (value: T) => U): U | null {
  return value === undefined ? null : write(value);
}
