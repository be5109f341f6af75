import { type Lsn, lsn } from '@slotcast/domain';

/** Takes fields out of a decoded Avro record, each as what it has to be. Every method throws a RangeError that names the field. */
export class FieldReader {
  readonly #fields: Partial<Record<string, unknown>>;
  readonly #path: string;

  constructor(record: unknown, path: string) {
    if (typeof record !== 'object' || record === null) {
      throw new RangeError(`${path} is no record`);
    }
    this.#fields = { ...record };
    this.#path = path;
  }

  text(name: string): string {
    return this.#required(name, this.optionalText(name));
  }

  optionalText(name: string): string | undefined {
    const value = this.#fields[name] ?? undefined;
    if (value !== undefined && typeof value !== 'string') {
      throw this.#bad(name, 'no text');
    }
    return value;
  }

  flag(name: string): boolean {
    return this.#required(name, this.optionalFlag(name));
  }

  optionalFlag(name: string): boolean | undefined {
    const value = this.#fields[name] ?? undefined;
    if (value !== undefined && typeof value !== 'boolean') {
      throw this.#bad(name, 'no boolean');
    }
    return value;
  }

  /** An integer that a JavaScript number holds exactly. */
  integer(name: string): number {
    return this.#required(name, this.optionalInteger(name));
  }

  optionalInteger(name: string): number | undefined {
    const value = this.#fields[name] ?? undefined;
    if (value === undefined) {
      return undefined;
    }
    if (typeof value !== 'bigint') {
      throw this.#bad(name, 'no long');
    }
    if (!Number.isSafeInteger(Number(value))) {
      throw this.#bad(name, `not an integer within 2^53: ${value}`);
    }
    return Number(value);
  }

  position(name: string): Lsn {
    return this.#required(name, this.optionalPosition(name));
  }

  optionalPosition(name: string): Lsn | undefined {
    const value = this.#fields[name] ?? undefined;
    if (value === undefined) {
      return undefined;
    }
    if (typeof value !== 'bigint') {
      throw this.#bad(name, 'no long');
    }
    return lsn(value);
  }

  /** Bytes, which are not copied. */
  bytes(name: string): Buffer {
    return this.#required(name, this.optionalBytes(name));
  }

  optionalBytes(name: string): Buffer | undefined {
    const value = this.#fields[name] ?? undefined;
    if (value !== undefined && !Buffer.isBuffer(value)) {
      throw this.#bad(name, 'no bytes');
    }
    return value;
  }

  /** One of the symbols. */
  symbol<const S extends string>(name: string, symbols: readonly S[]): S {
    const text = this.text(name);
    const symbol = symbols.find((known) => known === text);
    if (symbol === undefined) {
      throw this.#bad(name, `none of ${symbols.join(', ')}: ${text}`);
    }
    return symbol;
  }

  record(name: string): FieldReader {
    return new FieldReader(this.#fields[name], `${this.#path}.${name}`);
  }

  optionalRecord(name: string): FieldReader | undefined {
    return (this.#fields[name] ?? undefined) === undefined ? undefined : this.record(name);
  }

  /** A map of texts. */
  texts(name: string): Readonly<Record<string, string>> {
    const value = this.#fields[name];
    if (typeof value !== 'object' || value === null) {
      throw this.#bad(name, 'no map');
    }
    return Object.fromEntries(
      Object.entries(value).map(([key, text]): [string, string] => {
        if (typeof text !== 'string') {
          throw this.#bad(`${name}.${key}`, 'no text');
        }
        return [key, text];
      }),
    );
  }

  /** A list of texts. */
  optionalList(name: string): readonly string[] | undefined {
    const value = this.#fields[name] ?? undefined;
    if (value === undefined) {
      return undefined;
    }
    if (!Array.isArray(value)) {
      throw this.#bad(name, 'no array');
    }
    return value.map((text: unknown, index) => {
      if (typeof text !== 'string') {
        throw this.#bad(`${name}[${index}]`, 'no text');
      }
      return text;
    });
  }

  records(name: string): readonly FieldReader[] {
    const value = this.#fields[name];
    if (!Array.isArray(value)) {
      throw this.#bad(name, 'no array');
    }
    return value.map((item: unknown, index) => new FieldReader(item, `${this.#path}.${name}[${index}]`));
  }

  #required<T>(name: string, value: T | undefined): T {
    if (value === undefined) {
      throw this.#bad(name, 'missing');
    }
    return value;
  }

  #bad(name: string, why: string): RangeError {
    return new RangeError(`field ${this.#path}.${name}: ${why}`);
  }
}
