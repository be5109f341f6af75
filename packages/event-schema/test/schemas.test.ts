import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  canonicalForm,
  crc64Avro,
  loadPublishedSchemas,
  schemaFingerprint,
  schemaNames,
} from '@slotcast/event-schema';
import avsc from 'avsc';
import { documentedParts } from './schema-parts.ts';

const SCHEMAS = new URL('../schemas/', import.meta.url);

/** Every version that was ever published. Rows are added, never changed: topics hold records that only these can read. */
const PUBLISHED = [
  'SlotState 1 v1/SlotState.avsc 3ba721e9f063ff68',
  'Manifest 1 v1/Manifest.avsc 3103f1aba80f0891',
  'Manifest 2 v2/Manifest.avsc a037239bf5ca5083',
  'NodeStatus 1 v1/NodeStatus.avsc 0e8230922cf723cc',
  'NodeSlotStatus 1 v1/NodeSlotStatus.avsc ea47417c022377c0',
];

describe('fingerprints', { timeout: 10_000 }, () => {
  test('CRC-64-AVRO gives the published test vectors', () => {
    assert.equal(schemaFingerprint('int'), '7275d51a3f395c8f');
    assert.equal(schemaFingerprint('string'), '8f014872634503c7');
    assert.equal(crc64Avro(new Uint8Array()).toString(16), 'c15d213aa4d7a795');
  });

  test('the canonical form keeps what a reader needs, in the order of the specification', () => {
    const schema = {
      doc: 'left out',
      fields: [
        { type: { logicalType: 'timestamp-millis', type: 'long' }, name: 'a', default: 1 },
        { name: 'b', type: ['null', { type: 'map', values: { type: 'array', items: 'Own' } }] },
        { name: 'c', type: { symbols: ['X', 'Y'], default: 'X', type: 'enum', name: 'other.E' } },
        { name: 'd', type: { size: 4, type: 'fixed', name: 'F', aliases: ['G'] } },
      ],
      name: 'Own',
      namespace: 'n.s',
      type: 'record',
    };
    assert.equal(
      canonicalForm(schema),
      '{"name":"n.s.Own","type":"record","fields":[{"name":"a","type":"long"},' +
        '{"name":"b","type":["null",{"type":"map","values":{"type":"array","items":"n.s.Own"}}]},' +
        '{"name":"c","type":{"name":"other.E","type":"enum","symbols":["X","Y"]}},' +
        '{"name":"d","type":{"name":"n.s.F","type":"fixed","size":4}}]}',
    );
    assert.throws(() => canonicalForm({ type: 'record' }), TypeError);
    assert.throws(() => canonicalForm(7), TypeError);
  });
});

describe('published schemas', { timeout: 10_000 }, () => {
  const table = readTable();

  test('the table lists what was published, with the fingerprints that the code computes', () => {
    assert.deepEqual(
      table.map((row) => `${row.name} ${row.version} ${row.file} ${row.fingerprint}`),
      PUBLISHED,
    );
    assert.deepEqual(
      loadPublishedSchemas().map((schema) => schema.fingerprint),
      table.map((row) => row.fingerprint),
    );
  });

  test('no published file has changed, and none is missing from the table', () => {
    for (const row of table) {
      const bytes = readFileSync(new URL(row.file, SCHEMAS));
      assert.equal(createHash('sha256').update(bytes).digest('hex'), row.sha256, row.file);
    }
    const files = readdirSync(SCHEMAS, { recursive: true, encoding: 'utf8' });
    assert.deepEqual(
      files.filter((file) => file.endsWith('.avsc')).toSorted(),
      table.map((row) => row.file).toSorted(),
    );
  });

  test('every version of a schema can be read as every other version', () => {
    for (const name of schemaNames) {
      const versions = loadPublishedSchemas().filter((schema) => schema.name === name);
      assert.ok(versions.length > 0);
      const types = versions.map((schema) => avsc.Type.forSchema(JSON.parse(schema.text)));
      for (const reader of types) {
        for (const writer of types) {
          assert.doesNotThrow(() => reader.createResolver(writer));
        }
      }
    }
  });

  test('a value that was written before any field with a default was there can be read', () => {
    for (const schema of loadPublishedSchemas()) {
      const reader = avsc.Type.forSchema(JSON.parse(schema.text));
      const writer = avsc.Type.forSchema(JSON.parse(schema.text, withoutDefaults));
      assert.doesNotThrow(() => reader.createResolver(writer), schema.name);
    }
  });

  test('every record, enum and field is documented, every enum has a default, every optional field is null unless given', () => {
    for (const schema of loadPublishedSchemas()) {
      for (const part of documentedParts(JSON.parse(schema.text))) {
        assert.ok(part.doc.length > 0, `${schema.name}: ${part.path} has no doc`);
        if (part.kind === 'enum') {
          assert.ok(part.hasDefault, `${schema.name}: ${part.path} has no default symbol`);
        }
        if (part.kind === 'field' && part.type.startsWith('null or ')) {
          assert.ok(part.hasDefault, `${schema.name}: ${part.path} has no default`);
        }
      }
    }
  });
});

/** A reviver of a schema's text that leaves out the fields that a reader can do without. */
function withoutDefaults(name: string, value: unknown): unknown {
  return name === 'fields' && Array.isArray(value)
    ? value.filter((field: object) => !('default' in field))
    : value;
}

function readTable(): { name: string; version: number; file: string; fingerprint: string; sha256: string }[] {
  return JSON.parse(readFileSync(new URL('fingerprints.json', SCHEMAS), 'utf8'));
}
