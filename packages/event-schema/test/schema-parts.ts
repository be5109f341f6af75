import assert from 'node:assert/strict';

/** A documented part of an Avro schema, in reading order. */
export interface SchemaPart {
  readonly kind: 'record' | 'enum' | 'field';
  /** Name of a record or enum; `Record.field` of a field. */
  readonly path: string;
  /** Type of a field for people: `long`, `null or string`, `array of ManifestSlot`; symbols of an enum. */
  readonly type: string;
  readonly doc: string;
  readonly hasDefault: boolean;
}

type Json = Partial<Record<string, unknown>>;

/** All records, enums and fields of a schema (parsed JSON): a record, its fields, then the named types that its fields define. */
export function documentedParts(schema: unknown): readonly SchemaPart[] {
  if (Array.isArray(schema)) {
    return schema.flatMap(documentedParts);
  }
  if (typeof schema !== 'object' || schema === null) {
    return [];
  }
  const { type, name, items, fields, symbols, doc }: Json = { ...schema };
  if (type === 'array') {
    return documentedParts(items);
  }
  const common = { path: String(name), doc: textOf(doc), hasDefault: 'default' in schema };
  if (type === 'enum') {
    assert.ok(Array.isArray(symbols));
    return [{ kind: 'enum', type: symbols.join(', '), ...common }];
  }
  if (type !== 'record') {
    return [];
  }
  assert.ok(Array.isArray(fields));
  const columns: readonly Json[] = fields;
  return [
    { kind: 'record', type: 'record', ...common },
    ...columns.map((field) => fieldPart(String(name), field)),
    ...columns.flatMap((field) => documentedParts(field['type'])),
  ];
}

function fieldPart(record: string, field: Json): SchemaPart {
  return {
    kind: 'field',
    path: `${record}.${textOf(field['name'])}`,
    type: describeType(field['type']),
    doc: textOf(field['doc']),
    hasDefault: 'default' in field,
  };
}

function describeType(type: unknown): string {
  if (typeof type === 'string') {
    return type;
  }
  if (Array.isArray(type)) {
    return type.map(describeType).join(' or ');
  }
  assert.ok(typeof type === 'object' && type !== null);
  const { type: kind, name, items, values }: Json = { ...type };
  if (kind === 'map') {
    return `map of ${describeType(values)}`;
  }
  return kind === 'array' ? `array of ${describeType(items)}` : textOf(name ?? kind);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
