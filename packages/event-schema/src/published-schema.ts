import { readFileSync } from 'node:fs';
import { schemaFingerprint } from './fingerprint.ts';

/** The records that slotcast writes; each is `io.slotcast.<name>` in Avro. */
export const schemaNames = ['SlotState', 'Manifest', 'NodeStatus', 'NodeSlotStatus'] as const;
export type SchemaName = (typeof schemaNames)[number];

/** Avro namespace of all schemas. */
export const SCHEMA_NAMESPACE = 'io.slotcast';

/** One version of a schema that was ever written to a topic. */
export interface PublishedSchema {
  readonly name: SchemaName;
  readonly version: number;
  /** CRC-64-AVRO of the canonical form, 16 hexadecimal digits. */
  readonly fingerprint: string;
  /** The schema as JSON text without white space, with its documentation. */
  readonly text: string;
}

const SCHEMAS = new URL('../schemas/', import.meta.url);

/**
 * Reads every schema version that ships in the package, as listed in `schemas/fingerprints.json`. Throws when the table and the
 * files do not agree.
 */
export function loadPublishedSchemas(): readonly PublishedSchema[] {
  const table: unknown = JSON.parse(readFileSync(new URL('fingerprints.json', SCHEMAS), 'utf8'));
  if (!Array.isArray(table)) {
    throw new TypeError('schemas/fingerprints.json is not a list');
  }
  return table.map(loadRow);
}

/** The newest version of a schema: what is written, and what everything older is read as. Throws when there is none. */
export function currentSchema(published: readonly PublishedSchema[], name: SchemaName): PublishedSchema {
  const versions = published.filter((schema) => schema.name === name);
  const newest = versions.toSorted((a, b) => b.version - a.version)[0];
  if (newest === undefined) {
    throw new RangeError(`schemas/fingerprints.json lists no version of ${name}`);
  }
  return newest;
}

function loadRow(row: unknown): PublishedSchema {
  if (!isTableRow(row)) {
    throw new TypeError(`malformed row in schemas/fingerprints.json: ${JSON.stringify(row)}`);
  }
  const schema: unknown = JSON.parse(readFileSync(new URL(row.file, SCHEMAS), 'utf8'));
  const fingerprint = schemaFingerprint(schema);
  if (fingerprint !== row.fingerprint) {
    throw new RangeError(
      `schemas/${row.file} has fingerprint ${fingerprint}, but ${row.fingerprint} was published: published schemas never change`,
    );
  }
  return { name: row.name, version: row.version, fingerprint, text: JSON.stringify(schema) };
}

interface TableRow {
  readonly name: SchemaName;
  readonly version: number;
  readonly file: string;
  readonly fingerprint: string;
}

function isTableRow(row: unknown): row is TableRow {
  if (typeof row !== 'object' || row === null) {
    return false;
  }
  const { name, version, file, fingerprint }: Partial<Record<string, unknown>> = { ...row };
  const known = schemaNames.some((schema) => schema === name);
  return known && Number.isInteger(version) && typeof file === 'string' && typeof fingerprint === 'string';
}
