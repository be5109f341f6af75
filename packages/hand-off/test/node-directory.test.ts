import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type NodeSlotStatus, parseSlotName } from '@slotcast/domain';
import { type LogRecord, MemoryLog, replayTopic } from '@slotcast/event-log';
import { createCodec } from '@slotcast/event-schema';
import { claimNode, NodeDirectory } from '@slotcast/hand-off';
import { createLogger } from '@slotcast/observability';

const TOPIC = 'slotcast.orders.nodes';
const CLUSTER = 'orders';

function statusOf(node: string): NodeSlotStatus {
  return {
    kind: 'node_slot',
    node,
    slot: parseSlotName('app1'),
    role: 'standby',
    ownership: { incarnation: { epoch: 1, seq: 1 }, lineage: 'lineage', proven: true },
    state: 'ready',
    reasons: [],
    time: 1_700_000_000_000,
  };
}

describe('what a node reads of the nodes topic while it follows it', () => {
  test('is news when another node wrote it, and none when it did itself', { timeout: 20_000 }, async () => {
    const codec = createCodec();
    const log = new MemoryLog();
    const { signal } = new AbortController();
    await log.createTopic({ topic: TOPIC, partitions: 1, replicationFactor: 1, config: new Map() });
    const open = async (node: string) => {
      const directory = new NodeDirectory({
        node,
        topic: TOPIC,
        codec,
        onMalformed: () => assert.fail('nothing is malformed'),
        logger: createLogger({ level: 'silent', fields: {} }),
      });
      const onRecords = (records: readonly LogRecord[]): Promise<void> => directory.take(records, false);
      const reader = await replayTopic({ log, topic: TOPIC, onRecords, signal });
      const options = { log, cluster: CLUSTER, node, nodesTopic: TOPIC, reader, onRecords, signal };
      const writer = await claimNode(options);
      const write = () => directory.write(writer, { slots: [statusOf(node)], time: 1_700_000_000_000 });
      const takeNext = async (): Promise<boolean> => {
        const { records } = await reader.next(signal);
        assert.notEqual(records.length, 0);
        await directory.take(records, true);
        return directory.takeNews();
      };
      return { write, takeNext };
    };
    const other = await open('s2');
    const own = await open('s1');
    await own.write();
    assert.equal(await own.takeNext(), false);
    await other.write();
    assert.equal(await own.takeNext(), true);
    await own.write();
    assert.equal(await own.takeNext(), false, 'news are told of once');
  });
});
