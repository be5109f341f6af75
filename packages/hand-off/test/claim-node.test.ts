import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type NodeSlotStatus, parseSlotName } from '@slotcast/domain';
import { type LogRecord, MemoryLog, replayTopic } from '@slotcast/event-log';
import { createCodec } from '@slotcast/event-schema';
import { claimNode, NodeDirectory } from '@slotcast/hand-off';
import { createLogger } from '@slotcast/observability';

const TOPIC = 'slotcast.orders.nodes';
const CLUSTER = 'orders';
const NODE = 's1';
const slot = parseSlotName('app1');

const owned: NodeSlotStatus = {
  kind: 'node_slot',
  node: NODE,
  slot,
  role: 'standby',
  ownership: { incarnation: { epoch: 1, seq: 1 }, lineage: 'lineage', proven: true },
  state: 'ready',
  reasons: [],
  time: 1_700_000_000_000,
};

describe('a node that starts again', () => {
  test('knows the slots that it recorded behind the open transaction of a node that died', {
    timeout: 20_000,
  }, async () => {
    const codec = createCodec();
    const log = new MemoryLog();
    await log.createTopic({ topic: TOPIC, partitions: 1, replicationFactor: 1, config: new Map() });
    const start = async () => {
      const directory = new NodeDirectory({
        node: NODE,
        topic: TOPIC,
        codec,
        onMalformed: () => assert.fail('nothing is malformed'),
        logger: createLogger({ level: 'silent', fields: {} }),
      });
      const onRecords = (records: readonly LogRecord[]): Promise<void> => directory.take(records, false);
      const { signal } = new AbortController();
      const reader = await replayTopic({ log, topic: TOPIC, onRecords, signal });
      const options = { log, cluster: CLUSTER, node: NODE, nodesTopic: TOPIC, reader, onRecords, signal };
      return { directory, claiming: claimNode(options) };
    };
    const first = await start();
    const writer = await first.claiming;
    const unfinished = await codec.encodeNodeSlotStatus(TOPIC, { ...owned, node: 's2' });
    log.leaveOpen('slotcast.orders.node.s2', [{ ...unfinished, topic: TOPIC }]);
    await first.directory.write(writer, { slots: [owned], time: owned.time });

    const second = await start();
    assert.equal(second.directory.ownership.has(slot), false, 'the record is out of sight');
    let claimed = false;
    const ownership = second.claiming.then(() => {
      claimed = true;
      return second.directory.ownership.get(slot);
    });
    // By now it has gone as far as it can.
    await nextTurn();
    assert.equal(claimed, false, 'it waits');
    // The broker ends the transaction of the other node when its time is over.
    await log.claim('slotcast.orders.node.s2');
    assert.deepEqual(await ownership, owned.ownership);
  });
});
