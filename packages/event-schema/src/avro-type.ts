import type { Schema, Type } from 'avsc';
import avsc from 'avsc';

// avsc is CommonJS, and Node finds none of its names but the default.
const { Type: AvroType, types } = avsc;

/** Avro `long` as BigInt: a plain number cannot hold every LSN. */
// oxlint-disable-next-line no-underscore-dangle -- avsc's documented name for it
const bigintLong = types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: (value: number) => BigInt(value),
  toJSON: (value: bigint) => Number(value),
  isValid: (value: unknown) => typeof value === 'bigint' && BigInt.asIntN(64, value) === value,
  compare: (a: bigint, b: bigint) => (a < b ? -1 : Number(a > b)),
});

/**
 * Makes a codec of an Avro schema (JSON text) whose longs are BigInt; optional fields are the plain value or null. Throws when the
 * text is no Avro schema.
 */
export function parseAvroType(schemaText: string): Type {
  const schema: Schema = JSON.parse(schemaText);
  return AvroType.forSchema(schema, {
    omitRecordMethods: true,
    // A registry entry would cover only the bare name "long", not an annotated long in a writer's schema.
    typeHook: (part) => (isLong(part) ? bigintLong : undefined),
  });
}

function isLong(schema: unknown): boolean {
  if (typeof schema === 'object' && schema !== null && 'type' in schema) {
    return schema.type === 'long';
  }
  return schema === 'long';
}
