/** CRC-64-AVRO of nothing: the polynomial's seed, also the fingerprint's start value (Avro specification, "Schema Fingerprints"). */
const EMPTY = 0xc15d213aa4d7a795n;

const TABLE: readonly bigint[] = Array.from({ length: 256 }, (_, byte) => {
  let fingerprint = BigInt(byte);
  for (let bit = 0; bit < 8; bit += 1) {
    fingerprint = (fingerprint >> 1n) ^ ((fingerprint & 1n) === 1n ? EMPTY : 0n);
  }
  return fingerprint;
});

/** CRC-64-AVRO of bytes, an unsigned 64-bit number. */
export function crc64Avro(bytes: Uint8Array): bigint {
  let fingerprint = EMPTY;
  for (const byte of bytes) {
    fingerprint = (fingerprint >> 8n) ^ (TABLE[Number((fingerprint ^ BigInt(byte)) & 0xffn)] ?? 0n);
  }
  return fingerprint;
}

/**
 * Fingerprint of an Avro schema (parsed JSON): CRC-64-AVRO of its Parsing Canonical Form, as 16 hexadecimal digits, most
 * significant first. The header of a single-object record has the same eight bytes in reverse order.
 */
export function schemaFingerprint(schema: unknown): string {
  const bytes = new TextEncoder().encode(canonicalForm(schema));
  return crc64Avro(bytes).toString(16).padStart(16, '0');
}

const NAMED_TYPES: ReadonlySet<unknown> = new Set(['record', 'error', 'enum', 'fixed']);
const PRIMITIVES: ReadonlySet<unknown> = new Set([
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
]);

/**
 * Parsing Canonical Form of an Avro schema (parsed JSON; Avro specification, "Transforming into Parsing Canonical Form"): what
 * a reader of data needs and nothing else, so neither `doc` nor `default` changes it. Throws a TypeError on what is no schema.
 */
export function canonicalForm(schema: unknown, namespace = ''): string {
  if (typeof schema === 'string') {
    return JSON.stringify(PRIMITIVES.has(schema) ? schema : fullName(schema, namespace));
  }
  if (Array.isArray(schema)) {
    return `[${schema.map((branch: unknown) => canonicalForm(branch, namespace)).join(',')}]`;
  }
  const { type, name, namespace: own, fields, symbols, items, values, size } = attributesOf(schema);
  if (!NAMED_TYPES.has(type)) {
    if (type === 'array') {
      return `{"type":"array","items":${canonicalForm(items, namespace)}}`;
    }
    if (type === 'map') {
      return `{"type":"map","values":${canonicalForm(values, namespace)}}`;
    }
    return canonicalForm(type, namespace);
  }
  if (typeof name !== 'string') {
    throw new TypeError(`not an Avro schema: a type without a name in ${JSON.stringify(schema)}`);
  }
  const full = fullName(name, typeof own === 'string' ? own : namespace);
  const inner = full.slice(0, Math.max(0, full.lastIndexOf('.')));
  const parts = [`"name":${JSON.stringify(full)}`, `"type":${JSON.stringify(type)}`];
  if (Array.isArray(fields)) {
    const forms = fields.map((field: unknown) => {
      const { name: fieldName, type: fieldType } = attributesOf(field);
      return `{"name":${JSON.stringify(fieldName)},"type":${canonicalForm(fieldType, inner)}}`;
    });
    parts.push(`"fields":[${forms.join(',')}]`);
  }
  if (symbols !== undefined) {
    parts.push(`"symbols":${JSON.stringify(symbols)}`);
  }
  if (size !== undefined) {
    parts.push(`"size":${Number(size)}`);
  }
  return `{${parts.join(',')}}`;
}

function fullName(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`;
}

function attributesOf(schema: unknown): Partial<Record<string, unknown>> {
  if (typeof schema !== 'object' || schema === null) {
    throw new TypeError(`not an Avro schema: ${JSON.stringify(schema)}`);
  }
  return { ...schema };
}
