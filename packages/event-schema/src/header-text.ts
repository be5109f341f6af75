/** Header values of one record as text; absent ones are left out. */
export type HeaderTexts = ReadonlyMap<string, string>;

/** Collects headers in the given order, leaving absent ones out. */
export function headerTexts(entries: readonly (readonly [string, string | undefined])[]): HeaderTexts {
  const texts = new Map<string, string>();
  for (const [name, text] of entries) {
    if (text !== undefined) {
      texts.set(name, text);
    }
  }
  return texts;
}

/** Headers as bytes, UTF-8. */
export function headerBytes(texts: HeaderTexts): ReadonlyMap<string, Uint8Array> {
  const encoder = new TextEncoder();
  return new Map([...texts].map(([name, text]) => [name, encoder.encode(text)]));
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 text of bytes. Throws a RangeError that names what the bytes are when they are not UTF-8. */
export function utf8Text(what: string, bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (cause) {
    throw new RangeError(`${what} is not UTF-8 text`, { cause });
  }
}

/** Reads the headers of a stored record. Every method throws a RangeError that names the header. */
export class HeaderReader {
  readonly #headers: ReadonlyMap<string, Uint8Array>;

  constructor(headers: ReadonlyMap<string, Uint8Array>) {
    this.#headers = headers;
  }

  optionalText(name: string): string | undefined {
    const bytes = this.#headers.get(name);
    return bytes === undefined ? undefined : utf8Text(`header ${name}`, bytes);
  }

  text(name: string): string {
    const text = this.optionalText(name);
    if (text === undefined) {
      throw new RangeError(`header ${name} is missing`);
    }
    return text;
  }

  /** A decimal integer, not negative, that a JavaScript number holds exactly. */
  integer(name: string): number {
    return parseInteger(name, this.text(name));
  }

  /** Two integers with a dot between them. */
  integerPair(name: string): readonly [number, number] {
    const [first = '', second = '', ...rest] = this.text(name).split('.');
    if (rest.length > 0) {
      throw new RangeError(`header ${name} is not two numbers: ${JSON.stringify(this.text(name))}`);
    }
    return [parseInteger(name, first), parseInteger(name, second)];
  }

  /** A time as `Date.toISOString` writes it, in milliseconds since 1970. */
  time(name: string): number {
    const text = this.text(name);
    const ms = Date.parse(text);
    if (Number.isNaN(ms) || new Date(ms).toISOString() !== text) {
      throw new RangeError(
        `header ${name} is not a time like 2026-01-31T12:00:00.000Z: ${JSON.stringify(text)}`,
      );
    }
    return ms;
  }

  /**
   * Compares with the headers that the value calls for: the required ones must be there, and those that are there must be equal.
   * Other headers are not looked at: anyone may add some.
   */
  mustAgree(
    expected: HeaderTexts,
    names: { required: readonly string[]; optional: readonly string[] },
  ): void {
    for (const name of names.required) {
      this.#mustEqual(name, this.text(name), expected.get(name));
    }
    for (const name of names.optional) {
      const text = this.optionalText(name);
      if (text !== undefined) {
        this.#mustEqual(name, text, expected.get(name));
      }
    }
  }

  #mustEqual(name: string, text: string, expected: string | undefined): void {
    if (text !== expected) {
      const value =
        expected === undefined ? 'the value has none' : `the value says ${JSON.stringify(expected)}`;
      throw new RangeError(`header ${name} is ${JSON.stringify(text)}, but ${value}`);
    }
  }
}

function parseInteger(name: string, text: string): number {
  const number = /^(0|[1-9][0-9]*)$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) {
    throw new RangeError(`header ${name} is not an integer from 0 to 2^53: ${JSON.stringify(text)}`);
  }
  return number;
}
