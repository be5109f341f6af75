import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MANIFEST_KEY, type Manifest, type SlotEvent } from '@slotcast/domain';
import {
  createCodec,
  type EncodedRecord,
  type MalformedRecord,
  type StoredRecord,
} from '@slotcast/event-schema';
import * as fc from 'fast-check';
import { anyManifest, anyNodeSlotStatus, anyNodeStatus, anySlotEvent } from './arbitraries.ts';
import { exampleEvent, exampleManifest, exampleNode, exampleNodeSlot } from './examples.ts';

const codec = createCodec();
const TOPIC = 'slotcast.orders.slots';
const RUNS = { numRuns: 1000 };

const slotHeaderNames = ['op', 'slot', 'lsn', 'timeline', 'epoch', 'seq', 'node', 'incarnation', 'time'];
const anyBytes = fc.uint8Array({ maxLength: 200 });
/** Bytes that get past the first checks: a framing, a published fingerprint, a key that could be. */
const anyValue = fc.oneof(
  anyBytes,
  fc
    .tuple(
      fc.constantFrom('c30168ff63f0e921a73b', 'c30191080fa8abf10331', 'c30131c5ab2aa3c55bcd', '0000'),
      anyBytes,
    )
    .map(([start, rest]) => Buffer.concat([Buffer.from(start, 'hex'), rest])),
);
const anyKey = fc.oneof(
  anyBytes,
  fc.constantFrom('orders_cdc', MANIFEST_KEY, 'db1', 'db1/orders_cdc', '').map((text) => Buffer.from(text)),
);
const anyRecord: fc.Arbitrary<StoredRecord> = fc.record({
  key: fc.option(anyKey),
  value: fc.option(anyValue),
  headers: fc
    .array(fc.tuple(fc.constantFrom(...slotHeaderNames), anyBytes))
    .map((entries) => new Map<string, Uint8Array>(entries)),
});

describe('garbage is reported, never thrown, never believed', { timeout: 30_000 }, () => {
  test('random keys, values and headers are malformed', async () => {
    await fc.assert(
      fc.asyncProperty(anyRecord, async (record) => {
        const slots = await codec.decodeSlotsRecord(record);
        assert.equal(slots.kind, 'malformed');
        const nodes = await codec.decodeNodesRecord(record);
        // On the nodes topic a tombstone needs nothing but a key.
        assert.ok(nodes.kind === 'malformed' || (record.value === null && nodes.kind === 'node_tombstone'));
      }),
      RUNS,
    );
  });

  test('a damaged record of a slots topic is malformed, or still the same event of the same slot', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(anySlotEvent, anyManifest),
        fc.nat(),
        fc.nat(),
        async (original, where, bits) => {
          const record = await encode(original);
          const decoded = await codec.decodeSlotsRecord(damaged(record, where, bits));
          assert.ok(decoded.kind === 'malformed' || place(decoded) === place(original));
        },
      ),
      RUNS,
    );
  });

  test('a damaged record of a nodes topic is malformed, or still about the same node and slot', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyNodeStatus,
        anyNodeSlotStatus,
        fc.nat(),
        fc.nat(),
        async (node, slot, where, bits) => {
          const nodeRecord = damaged(await codec.encodeNodeStatus(TOPIC, node), where, bits);
          const decodedNode = await codec.decodeNodesRecord(nodeRecord);
          assert.ok(decodedNode.kind === 'malformed' || decodedNode.node === node.node);
          const slotRecord = damaged(await codec.encodeNodeSlotStatus(TOPIC, slot), where, bits);
          const decodedSlot = await codec.decodeNodesRecord(slotRecord);
          assert.ok(
            decodedSlot.kind === 'malformed' ||
              (decodedSlot.kind === 'node_slot' &&
                decodedSlot.node === slot.node &&
                decodedSlot.slot === slot.slot),
          );
        },
      ),
      RUNS,
    );
  });

  test('a value that is cut short or has bytes too many is malformed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(anySlotEvent, anyManifest),
        fc.nat(),
        anyBytes,
        async (original, cut, rest) => {
          const record = await encode(original);
          assert.ok(record.value);
          const shorter = record.value.subarray(0, cut % record.value.length);
          await assertMalformed({ ...record, value: shorter }, /./);
          fc.pre(rest.length > 0);
          await assertMalformed({ ...record, value: Buffer.concat([record.value, rest]) }, /bytes too many/);
        },
      ),
    );
  });
});

describe('a malformed record says what is wrong', { timeout: 10_000 }, () => {
  test('an unknown fingerprint is named', async () => {
    const record = await encode(exampleEvent);
    const value = Buffer.from(record.value ?? []);
    value[2] = 0;
    await assertMalformed({ ...record, value }, /3ba721e9f063ff00.*upgrade/);
  });

  test('Confluent framing without a registry names the setting', async () => {
    const record = await encode(exampleEvent);
    const value = Buffer.from('000000000700', 'hex');
    await assertMalformed({ ...record, value }, /schema id 7.*SLOTCAST_SCHEMA_REGISTRY_URL/);
  });

  test('another record than belongs under the key is named', async () => {
    const record = await encode(exampleEvent);
    const manifest = await encode(exampleManifest);
    await assertMalformed({ ...record, value: manifest.value }, /io\.slotcast\.SlotState/);
    await assertMalformed({ ...manifest, value: record.value }, /io\.slotcast\.Manifest|Manifest/);
    await assertMalformed({ ...record, key: Buffer.from('another') }, /orders_cdc, but has another key/);
    await assertMalformed({ ...record, key: Buffer.from('Not a slot') }, /neither a slot name nor @manifest/);
    await assertMalformed({ ...record, key: null }, /no key/);
    await assertMalformed({ ...record, key: Buffer.from('ff', 'hex') }, /key is not UTF-8/);
  });

  test('every header that disagrees with the value is named', async () => {
    for (const original of [exampleEvent, exampleManifest]) {
      const record = await encode(original);
      for (const name of record.headers.keys()) {
        if (name === 'content-type') {
          continue;
        }
        const other = new Map([...record.headers, [name, Buffer.from('99')]]);
        await assertMalformed({ ...record, headers: other }, new RegExp(`header ${name} is "99"`));
      }
    }
  });

  test('headers that nothing is decided by may be missing, the others may not', async () => {
    const record = await encode(exampleEvent);
    const spare = new Set(['confirmed_flush_lsn', 'restart_lsn', 'time', 'schema', 'content-type']);
    for (const name of record.headers.keys()) {
      const headers = new Map([...record.headers].filter(([other]) => other !== name));
      const decoded = await codec.decodeSlotsRecord({ ...record, headers });
      assert.equal(decoded.kind, spare.has(name) ? 'slot' : 'malformed', name);
    }
  });

  test('a header that slotcast does not write does no harm, whatever is in it', async () => {
    const record = await encode(exampleEvent);
    for (const name of ['traceparent', 'key-id']) {
      const headers = new Map([...record.headers, [name, Buffer.from('ff00ff', 'hex')]]);
      assert.deepEqual(await codec.decodeSlotsRecord({ ...record, headers }), exampleEvent);
    }
  });

  test('a logical slot that lacks what every one has', async () => {
    const record = await encode(exampleEvent);
    const value = Buffer.from(record.value ?? []);
    const [plugin, oid] = [value.indexOf('pgoutput') - 2, value.indexOf('shop') + 4];
    for (const [at, length, reason] of [
      [plugin, 2 + 'pgoutput'.length, /SlotState\.plugin: missing/],
      [oid, 4, /SlotState\.database_oid: missing/],
    ] as const) {
      const without = Buffer.concat([value.subarray(0, at), Buffer.from([0]), value.subarray(at + length)]);
      await assertMalformed({ ...record, value: without }, reason);
    }
  });

  test('a tombstone on the slots topic without usable headers, and one of the manifest', async () => {
    const [, tombstone] = await codec.encodeSlotEvent(TOPIC, { ...exampleEvent, op: 'drop' });
    assert.ok(tombstone);
    await assertMalformed({ ...tombstone, headers: new Map() }, /header op is missing/);
    for (const name of slotHeaderNames) {
      const headers = new Map([...tombstone.headers, [name, Buffer.from('/')]]);
      await assertMalformed({ ...tombstone, headers }, /./);
    }
    const update = new Map([...tombstone.headers, ['op', Buffer.from('update')]]);
    await assertMalformed({ ...tombstone, headers: update }, /header op of a tombstone is "update"/);
    const manifest = await encode(exampleManifest);
    await assertMalformed({ ...manifest, value: null }, /manifest is never deleted/);
  });

  test('a tombstone on the nodes topic whose headers speak of another node', async () => {
    const tombstone = codec.encodeTombstone({ node: 'db2', slot: exampleEvent.slot, time: 0 });
    const decoded = await codec.decodeNodesRecord({ ...tombstone, key: Buffer.from('db3/orders_cdc') });
    assert.ok(decoded.kind === 'malformed');
    assert.match(decoded.reason, /header node is "db2"/);
  });

  test('a value under the key of another node or slot', async () => {
    const node = await codec.encodeNodeStatus(TOPIC, exampleNode);
    const slot = await codec.encodeNodeSlotStatus(TOPIC, exampleNodeSlot);
    for (const [record, key] of [
      [node, 'db3'],
      [slot, 'db3/orders_cdc'],
      [slot, 'db2/another'],
    ] as const) {
      const decoded = await codec.decodeNodesRecord({ ...record, key: Buffer.from(key) });
      assert.ok(decoded.kind === 'malformed');
      assert.match(decoded.reason, /another node or slot/);
      assert.equal(decoded.key, key);
    }
  });

  test('an array that claims more items than there are bytes is refused at once', async () => {
    const record = await encode(exampleManifest);
    const value = Buffer.from(record.value ?? []);
    // After the header: the system identifier with its length, then the number of ancestors.
    const count = 10 + 1 + exampleManifest.systemIdentifier.length;
    assert.equal(value[count], 2 * exampleManifest.history.ancestors.length);
    const huge = Buffer.from('feffffffffffffff7f', 'hex');
    const claimed = Buffer.concat([value.subarray(0, count), huge, value.subarray(count + 1)]);
    await assertMalformed({ ...record, value: claimed }, /impossible number of items/);
  });

  test('text that is not UTF-8, and a byte that is no boolean, no choice and no symbol', async () => {
    const record = await encode(exampleEvent);
    const value = Buffer.from(record.value ?? []);
    const plugin = value.indexOf('pgoutput');
    // The database's object id, with its choice, takes four bytes.
    const twoPhase = value.indexOf('shop') + 4 + 4;
    for (const [at, byte, reason] of [
      [10, 0x08, /impossible choice 4 of 4/],
      [plugin, 0xff, /not UTF-8/],
      [plugin - 1, 0x7e + 0x80, /impossible size/],
      [plugin - 2, 0x04, /impossible choice 2 of 2/],
      [twoPhase, 0x02, /no boolean/],
    ] as const) {
      const changed = Buffer.from(value);
      changed[at] = byte;
      await assertMalformed({ ...record, value: changed }, reason);
    }
  });

  test('a key is shown as text if it is printable, else in hexadecimal', async () => {
    assert.equal(await shownKey(Buffer.from('Schlüssel 1')), 'Schlüssel 1');
    assert.equal(await shownKey(Buffer.from('a\nb')), '0x610a62');
    assert.equal(await shownKey(Buffer.from([0xff, 0x00])), '0xff00');
    assert.equal(await shownKey(null), '(no key)');
    assert.equal((await shownKey(new Uint8Array(10_000))).length, 256);
  });
});

describe('what cannot be written is refused', { timeout: 10_000 }, () => {
  test('numbers that a reader could not hold, times that no calendar has, and names that would break a header', async () => {
    for (const change of [
      { epoch: 2 ** 53 },
      { seq: 1.5 },
      { time: 9e15 },
      { node: 'a/b' },
      { node: 'a\nb' },
      { op: 'update' as const, state: undefined },
      { state: { ...exampleEvent.state, name: otherSlot() } },
    ]) {
      await assert.rejects(codec.encodeSlotEvent(TOPIC, { ...exampleEvent, ...change }), RangeError);
    }
    const history = { ...exampleManifest.history, timeline: exampleNode.timeline };
    await assert.rejects(
      codec.encodeManifest(TOPIC, { ...exampleManifest, history, timeline: firstAncestor() }),
      RangeError,
    );
  });
});

async function encode(original: SlotEvent | Manifest): Promise<EncodedRecord> {
  if (original.kind === 'manifest') {
    return codec.encodeManifest(TOPIC, original);
  }
  const [record] = await codec.encodeSlotEvent(TOPIC, original);
  assert.ok(record);
  return record;
}

async function assertMalformed(record: StoredRecord, reason: RegExp): Promise<void> {
  const decoded: SlotEvent | Manifest | MalformedRecord = await codec.decodeSlotsRecord(record);
  assert.ok(decoded.kind === 'malformed');
  assert.match(decoded.reason, reason);
}

async function shownKey(key: Uint8Array | null): Promise<string> {
  const decoded = await codec.decodeSlotsRecord({ key, value: null, headers: new Map() });
  assert.ok(decoded.kind === 'malformed');
  return decoded.key;
}

/** Changes one byte of the value. */
function damaged(record: EncodedRecord, where: number, bits: number): EncodedRecord {
  const value = Buffer.from(record.value ?? []);
  const at = where % value.length;
  value[at] = ((value[at] ?? 0) ^ (1 + (bits % 255))) & 0xff;
  return { ...record, value };
}

/** What the order of events is decided by, and what they are about. */
function place(event: SlotEvent | Manifest): string {
  const about =
    event.kind === 'slot' ? [event.op, event.slot, event.incarnation.epoch, event.incarnation.seq] : [];
  return [event.kind, ...about, event.lsn, event.timeline, event.epoch, event.seq, event.node].join(' ');
}

function otherSlot() {
  return exampleNode.physicalSlots[0]?.name ?? exampleEvent.slot;
}

function firstAncestor() {
  return exampleManifest.history.ancestors[0]?.timeline ?? exampleManifest.timeline;
}
