import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  createCodec,
  type EncodedRecord,
  loadPublishedSchemas,
  type SchemaName,
} from '@slotcast/event-schema';
import * as fc from 'fast-check';
import { anyManifest, anyNodeSlotStatus, anyNodeStatus, anySlotEvent } from './arbitraries.ts';
import { exampleEvent, exampleManifest, exampleNode, exampleNodeSlot } from './examples.ts';
import { findPythonWithAvro, type Python, runPython } from './python.ts';

const SCRIPT = fileURLToPath(new URL('interoperability.py', import.meta.url));
const PAGE = new URL('../../../docs/reference/events.md', import.meta.url);
const codec = createCodec();

interface Answer {
  readonly fingerprints: Readonly<Record<string, string>>;
  readonly values: readonly { readonly fields: Readonly<Record<string, unknown>>; readonly hex: string }[];
}

describe("Avro's Python package", { timeout: 180_000 }, () => {
  let python: Python;
  before(async () => {
    python = await findPythonWithAvro();
  });

  test('reads what was written here, and what it writes is read here', async (context) => {
    const executable = executableOr(context, python);
    if (executable === undefined) {
      return;
    }
    const sent = await sampleRecords();
    const answer = await ask(
      executable,
      sent.map(({ schema, record }) => ({ schema, record })),
    );
    for (const [index, { record, value, decode }] of sent.entries()) {
      const written = Buffer.from(answer.values[index]?.hex ?? '', 'hex');
      assert.deepEqual(await decode({ ...record, value: written }), value);
    }
  });

  test('sees the same fields, to the last digit of an LSN', async (context) => {
    const executable = executableOr(context, python);
    if (executable === undefined) {
      return;
    }
    const [event] = await codec.encodeSlotEvent('t', exampleEvent);
    const node = await codec.encodeNodeStatus('t', exampleNode);
    assert.ok(event);
    const { values } = await ask(executable, [
      { schema: 'SlotState', record: event },
      { schema: 'NodeStatus', record: node },
    ]);
    assert.deepEqual(values[0]?.fields, {
      op: 'update',
      name: 'orders_cdc',
      type: 'logical',
      plugin: 'pgoutput',
      database: 'shop',
      database_oid: '16384',
      two_phase: true,
      two_phase_at: String(0x16b3000000n),
      failover: true,
      synced: false,
      restart_lsn: String(0x16b374d000n),
      confirmed_flush_lsn: String(0x16b374d848n),
      xmin: null,
      catalog_xmin: '4000000000',
      wal_status: 'reserved',
      invalidation_reason: null,
      active: false,
      canary_time: '1769860800083',
      snapshot: null,
      incarnation: { epoch: '7', seq: '2' },
      lsn: String(0x16b374d900n),
      timeline: '3',
      epoch: '7',
      seq: '41',
      node: 'db1',
      time: '1769860800123',
    });
    assert.equal(values[1]?.fields['receive_lsn'], '9223372036854775807');
    assert.equal(values[1]?.fields['hot_standby_feedback'], true);
    assert.deepEqual(values[1]?.fields['physical_slots'], [
      {
        name: 'db3',
        catalog_xmin: '3999999999',
        active: true,
        invalidated: false,
        restart_lsn: String(0x16b374d880n),
      },
      { name: 'db4', catalog_xmin: null, active: null, invalidated: null, restart_lsn: null },
    ]);
  });

  test('computes the fingerprints of the published table', async (context) => {
    const executable = executableOr(context, python);
    if (executable === undefined) {
      return;
    }
    const { fingerprints } = await ask(executable, []);
    // The newest version of each is the last in the table.
    const newest = new Map(loadPublishedSchemas().map(({ name, fingerprint }) => [name, fingerprint]));
    assert.deepEqual(new Map(Object.entries(fingerprints)), newest);
  });

  test('decodes a value with the sample of the reference page', async (context) => {
    const executable = executableOr(context, python);
    if (executable === undefined) {
      return;
    }
    const sample = /```python\n(.*?)```/s.exec(readFileSync(PAGE, 'utf8'))?.[1];
    assert.ok(sample);
    const manifest = await codec.encodeManifest('t', exampleManifest);
    const hex = Buffer.from(manifest.value ?? []).toString('hex');
    const output = await runPython(executable, {
      arguments: ['-c', `${sample}\nprint(decode(bytes.fromhex("${hex}"))["slots"][0]["name"])`],
      cwd: new URL('../', import.meta.url),
    });
    assert.equal(output, 'orders_cdc\n');
  });
});

function executableOr(context: TestContext, python: Python): string | undefined {
  if ('missing' in python) {
    context.skip(python.missing);
    return undefined;
  }
  return python.executable;
}

async function ask(
  executable: string,
  values: readonly { schema: SchemaName; record: EncodedRecord }[],
): Promise<Answer> {
  const schemas = Object.fromEntries(
    loadPublishedSchemas().map((schema): [string, unknown] => [schema.name, JSON.parse(schema.text)]),
  );
  const hexes = values.map(({ schema, record }) => ({
    schema,
    hex: Buffer.from(record.value ?? []).toString('hex'),
  }));
  const stdin = JSON.stringify({ schemas, values: hexes });
  return JSON.parse(await runPython(executable, { arguments: [SCRIPT], stdin }));
}

interface Sent {
  readonly schema: SchemaName;
  readonly record: EncodedRecord;
  readonly value: unknown;
  readonly decode: (record: EncodedRecord) => Promise<unknown>;
}

function decodeSlots(record: EncodedRecord): Promise<unknown> {
  return codec.decodeSlotsRecord(record);
}

function decodeNodes(record: EncodedRecord): Promise<unknown> {
  return codec.decodeNodesRecord(record);
}

async function sampleRecords(): Promise<readonly Sent[]> {
  const sent: Sent[] = [];
  for (const value of [exampleEvent, ...fc.sample(anySlotEvent, 50)]) {
    const [record] = await codec.encodeSlotEvent('t', value);
    assert.ok(record);
    sent.push({ schema: 'SlotState', record, value, decode: decodeSlots });
  }
  for (const value of [exampleManifest, ...fc.sample(anyManifest, 50)]) {
    const record = await codec.encodeManifest('t', value);
    sent.push({ schema: 'Manifest', record, value, decode: decodeSlots });
  }
  for (const value of [exampleNode, ...fc.sample(anyNodeStatus, 50)]) {
    const record = await codec.encodeNodeStatus('t', value);
    sent.push({ schema: 'NodeStatus', record, value, decode: decodeNodes });
  }
  for (const value of [exampleNodeSlot, ...fc.sample(anyNodeSlotStatus, 50)]) {
    const record = await codec.encodeNodeSlotStatus('t', value);
    sent.push({ schema: 'NodeSlotStatus', record, value, decode: decodeNodes });
  }
  return sent;
}
