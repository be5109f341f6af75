import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { createCodec, type EncodedRecord, loadPublishedSchemas, schemaNames } from '@slotcast/event-schema';
import { exampleEvent, exampleManifest, exampleNode, exampleNodeSlot } from './examples.ts';
import { documentedParts } from './schema-parts.ts';

const PAGE = new URL('../../../docs/reference/events.md', import.meta.url);
/** Set to write the generated sections of the page instead of comparing them. */
const update = process.env['UPDATE_DOCS'] === 'true';

describe('docs/reference/events.md', { timeout: 10_000 }, () => {
  test('has every record, enum and field of the current schemas, in the words of the schemas', () => {
    const published = loadPublishedSchemas();
    const sections = schemaNames.map((name) => {
      const versions = published.filter((schema) => schema.name === name);
      const newest = versions.toSorted((a, b) => b.version - a.version)[0];
      assert.ok(newest);
      return renderSchema(JSON.parse(newest.text));
    });
    assertSection('records', sections.join('\n'));
  });

  test('has the table of published fingerprints', () => {
    const rows = loadPublishedSchemas().map(
      (schema) => `| \`io.slotcast.${schema.name}\` | ${schema.version} | \`${schema.fingerprint}\` |`,
    );
    assertSection(
      'fingerprints',
      ['| schema | version | fingerprint |', '| --- | --- | --- |', ...rows, ''].join('\n'),
    );
  });

  test('explains exactly the headers that are written', async () => {
    const codec = createCodec();
    const written = {
      'slot headers': await codec.encodeSlotEvent('t', exampleEvent),
      'manifest headers': [await codec.encodeManifest('t', exampleManifest)],
      'node headers': [await codec.encodeNodeStatus('t', exampleNode)],
      'node slot headers': [await codec.encodeNodeSlotStatus('t', exampleNodeSlot)],
      'node tombstone headers': [codec.encodeTombstone({ node: 'a', slot: exampleEvent.slot, time: 0 })],
    };
    for (const [name, records] of Object.entries(written)) {
      assert.deepEqual(headersOfPage(name), records.flatMap(headerNames), name);
    }
  });
});

function headerNames(record: EncodedRecord): readonly string[] {
  return [...record.headers.keys()];
}

/** Names in the first column of the table in a section. */
function headersOfPage(section: string): readonly string[] {
  return [...sectionOf(section).matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? '');
}

function renderSchema(schema: unknown): string {
  const lines: string[] = [];
  let inTable = false;
  for (const part of documentedParts(schema)) {
    if (part.kind === 'field') {
      if (!inTable) {
        lines.push('| field | type | meaning |', '| --- | --- | --- |');
      }
      inTable = true;
      lines.push(`| \`${part.path.split('.')[1] ?? ''}\` | ${part.type} | ${part.doc} |`);
      continue;
    }
    if (inTable) {
      lines.push('');
    }
    inTable = false;
    const isTop = lines.length === 0;
    const symbols = part.kind === 'enum' ? ` Symbols: ${part.type}.` : '';
    lines.push(`${isTop ? '###' : '####'} ${part.path}`, '', `${part.doc}${symbols}`, '');
  }
  return [...lines, ...(inTable ? [''] : [])].join('\n');
}

function sectionOf(name: string): string {
  const page = readFileSync(PAGE, 'utf8');
  const [start, end] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`];
  const from = page.indexOf(start);
  const to = page.indexOf(end);
  assert.ok(from >= 0 && to > from, `no section ${name}`);
  return page.slice(from + start.length, to);
}

function assertSection(name: string, expected: string): void {
  const written = sectionOf(name);
  if (update) {
    const page = readFileSync(PAGE, 'utf8');
    const start = page.indexOf(`<!-- ${name} -->\n`) + `<!-- ${name} -->\n`.length;
    writeFileSync(PAGE, page.slice(0, start) + expected + page.slice(start + written.length));
    return;
  }
  assert.equal(written, expected, 'run this test with UPDATE_DOCS=true to write the generated sections');
}
