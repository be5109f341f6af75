import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  emptyNodesTopic,
  foldNodes,
  type NodeSlotStatus,
  type NodeStatus,
  type NodesRecord,
  parseSlotName,
  parseSystemIdentifier,
  standingWishes,
  timeline,
  WISH_LIFETIME_MS,
  type Written,
} from '@slotcast/domain';
import * as fc from 'fast-check';
import { written } from '../event-examples.ts';

const a = parseSlotName('a');

function node(name: string, over: Partial<NodeStatus> = {}): NodeStatus {
  return {
    kind: 'node',
    node: name,
    role: 'standby',
    instance: 'one',
    version: '0.1.0',
    systemIdentifier: parseSystemIdentifier('7300000000000000001'),
    timeline: timeline(1),
    serverVersion: 180_004,
    physicalSlots: [],
    wantsStandbySnapshot: false,
    time: 0,
    ...over,
  };
}

function slotOn(name: string, slot = a): NodeSlotStatus {
  return { kind: 'node_slot', node: name, slot, role: 'standby', state: 'ready', reasons: [], time: 0 };
}

function topicOf(...records: readonly NodesRecord[]) {
  return foldNodes(emptyNodesTopic, written(records));
}

describe('what the nodes topic says', { timeout: 20_000 }, () => {
  test('is the newest record of each node and of each slot there', () => {
    const topic = topicOf(node('s1'), slotOn('s1'), node('s2'), node('s1', { role: 'primary' }));
    assert.equal(topic.nodes.get('s1')?.record.role, 'primary');
    assert.deepEqual([...topic.nodes.keys()], ['s1', 's2']);
    assert.deepEqual([...topic.slots.keys()], ['s1']);
  });

  test('a slot that a node has forgotten is gone, and the others stay', () => {
    const b = parseSlotName('b');
    const topic = topicOf(slotOn('s1'), slotOn('s1', b), { kind: 'node_tombstone', node: 's1', slot: a });
    assert.deepEqual([...(topic.slots.get('s1')?.keys() ?? [])], ['b']);
  });

  test('a node that is taken out takes what it said of its slots along, and begins anew when it comes back', () => {
    const gone: NodesRecord = { kind: 'node_tombstone', node: 's1' };
    assert.deepEqual(topicOf(slotOn('s1'), node('s1'), node('s2'), gone), topicOf(node('s2')));
    const b = parseSlotName('b');
    const back = topicOf(slotOn('s1'), node('s1'), gone, node('s1'), slotOn('s1', b));
    assert.deepEqual([...(back.slots.get('s1')?.keys() ?? [])], ['b']);
  });

  test('says the same in whatever batches it is read', () => {
    const name = fc.constantFrom('s1', 's2');
    const slot = fc.constantFrom('a', 'b').map(parseSlotName);
    const anyRecord: fc.Arbitrary<NodesRecord> = fc.oneof(
      name.map((of) => node(of)),
      fc.tuple(name, slot).map(([of, its]) => slotOn(of, its)),
      name.map((of): NodesRecord => ({ kind: 'node_tombstone', node: of })),
      fc.tuple(name, slot).map(([of, its]): NodesRecord => ({ kind: 'node_tombstone', node: of, slot: its })),
    );
    const anyTopic: fc.Arbitrary<Written<NodesRecord>[]> = fc.array(
      fc.record({ record: anyRecord, writtenAt: fc.nat({ max: 50 }) }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(anyTopic, (records) => {
        const oneByOne = records.reduce((topic, each) => foldNodes(topic, [each]), emptyNodesTopic);
        assert.deepEqual(oneByOne, foldNodes(emptyNodesTopic, records));
      }),
    );
  });
});

describe('wishes for a running-xacts record', { timeout: 20_000 }, () => {
  const wish = node('s1', { wantsStandbySnapshot: true });
  const wishing = foldNodes(topicOf(node('s2')), [{ record: wish, writtenAt: 0, heardAtMs: 1000 }]);

  test('stand while they are repeated, and end with the record that says so', () => {
    assert.deepEqual(standingWishes(wishing, 1000 + WISH_LIFETIME_MS), ['s1']);
    assert.deepEqual(standingWishes(wishing, 1001 + WISH_LIFETIME_MS), []);
    const ended = foldNodes(wishing, [{ record: node('s1'), writtenAt: 0, heardAtMs: 1000 }]);
    assert.deepEqual(standingWishes(ended, 1000), []);
  });

  test('from before somebody listened do not stand, nor those of a node that was taken out', () => {
    assert.deepEqual(standingWishes(topicOf(wish), 0), []);
    const gone = foldNodes(wishing, written([{ kind: 'node_tombstone', node: 's1' }]));
    assert.deepEqual(standingWishes(gone, 1000), []);
  });
});
