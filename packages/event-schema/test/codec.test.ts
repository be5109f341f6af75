import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MANIFEST_KEY } from '@slotcast/domain';
import { createCodec, type EncodedRecord } from '@slotcast/event-schema';
import * as fc from 'fast-check';
import {
  anyManifest,
  anyNodeName,
  anyNodeSlotStatus,
  anyNodeStatus,
  anySlotEvent,
  anySlotName,
} from './arbitraries.ts';

const codec = createCodec();
const SLOTS = 'slotcast.orders.slots';
const NODES = 'slotcast.orders.nodes';

describe('what was encoded is decoded unchanged', { timeout: 30_000 }, () => {
  test('a slot event, whatever its state', async () => {
    await fc.assert(
      fc.asyncProperty(anySlotEvent, async (event) => {
        const [record, ...rest] = await codec.encodeSlotEvent(SLOTS, event);
        assert.ok(record);
        assert.equal(rest.length, event.op === 'drop' ? 1 : 0);
        assert.equal(keyOf(record), event.slot);
        assert.deepEqual(await codec.decodeSlotsRecord(record), event);
      }),
    );
  });

  test('a drop whose tombstone alone was left by compaction, without its state', async () => {
    await fc.assert(
      fc.asyncProperty(anySlotEvent, async ({ state, snapshot, ...event }) => {
        const [, tombstone] = await codec.encodeSlotEvent(SLOTS, { ...event, op: 'drop', state, snapshot });
        assert.ok(tombstone);
        assert.equal(tombstone.value, null);
        assert.deepEqual(await codec.decodeSlotsRecord(tombstone), { ...event, op: 'drop' });
        const withoutState = await codec.encodeSlotEvent(SLOTS, { ...event, op: 'drop' });
        assert.equal(withoutState.length, 1);
        assert.deepEqual(await codec.decodeSlotsRecord(first(withoutState)), { ...event, op: 'drop' });
      }),
    );
  });

  test('a manifest', async () => {
    await fc.assert(
      fc.asyncProperty(anyManifest, async (manifest) => {
        const record = await codec.encodeManifest(SLOTS, manifest);
        assert.equal(keyOf(record), MANIFEST_KEY);
        assert.deepEqual(await codec.decodeSlotsRecord(record), manifest);
      }),
    );
  });

  test('the status of a node, and of a slot on a node', async () => {
    await fc.assert(
      fc.asyncProperty(anyNodeStatus, anyNodeSlotStatus, async (node, slot) => {
        assert.deepEqual(await codec.decodeNodesRecord(await codec.encodeNodeStatus(NODES, node)), node);
        assert.deepEqual(await codec.decodeNodesRecord(await codec.encodeNodeSlotStatus(NODES, slot)), slot);
      }),
    );
  });

  test('a tombstone of a node, and of a slot on a node', async () => {
    await fc.assert(
      fc.asyncProperty(anyNodeName, anySlotName, async (node, slot) => {
        assert.deepEqual(await codec.decodeNodesRecord(codec.encodeTombstone({ node, time: 0 })), {
          kind: 'node_tombstone',
          node,
        });
        assert.deepEqual(await codec.decodeNodesRecord(codec.encodeTombstone({ node, slot, time: 0 })), {
          kind: 'node_tombstone',
          node,
          slot,
        });
      }),
    );
  });
});

function keyOf(record: EncodedRecord): string {
  return Buffer.from(record.key).toString('utf8');
}

function first(records: readonly EncodedRecord[]): EncodedRecord {
  const [record] = records;
  assert.ok(record);
  return record;
}
