import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseSlotName } from '@slotcast/domain';
import { NodeDirectory, NodesReader, nodeTombstones } from '@slotcast/topics';
import { MemoryTopics, NODES } from './memory-topics.ts';
import { nodeStatus, slotOn } from './records.ts';

const options = { timeout: 20_000 };
const slot = parseSlotName('app1');
const { signal } = new AbortController();

async function openDirectory(topics: MemoryTopics, node: string): Promise<NodeDirectory> {
  const context = topics.context();
  const reader = new NodesReader(context, { slotsOf: node });
  await reader.replay(signal);
  return new NodeDirectory({ ...context, node, reader });
}

describe('what a node reads of the nodes topic while it follows it', options, () => {
  test('is news when another node wrote it, and none when it did itself', async () => {
    const topics = await MemoryTopics.create();
    const { log } = topics;
    const open = async (node: string) => {
      const directory = await openDirectory(topics, node);
      const writer = await directory.claim({ log, signal });
      const write = () => directory.write(writer, { slots: [slotOn(node)], time: 1_700_000_000_000 });
      const takeNext = async (): Promise<boolean> => directory.isNews(await directory.reader.next(signal));
      return { write, takeNext };
    };
    const other = await open('s2');
    const own = await open('s1');
    await own.write();
    assert.equal(await own.takeNext(), false);
    await other.write();
    assert.equal(await own.takeNext(), true);
  });

  test('does not take back what the node has written since', async () => {
    const topics = await MemoryTopics.create();
    const directory = await openDirectory(topics, 's1');
    const writer = await directory.claim({ log: topics.log, signal });
    await directory.write(writer, { node: nodeStatus('s1'), slots: [slotOn('s1')], time: 1 });
    const later = { node: nodeStatus('s1', { version: '0.2.0' }), forget: [slot], time: 2 };
    await topics.append(nodeStatus('s2'));
    // The first commit of its own comes back only now.
    await directory.write(writer, later);
    await directory.reader.next(signal);
    assert.equal(directory.own?.version, '0.2.0');
    assert.equal(directory.nodes.get('s1')?.version, '0.2.0');
    assert.equal(directory.written.size, 0);
    assert.equal(directory.ownership.size, 0);
  });
});

describe('nodes of two clusters that are told apart by the prefix of their topics alone', options, () => {
  test('do not fence each other', async () => {
    const topics = await MemoryTopics.create();
    const { log } = topics;
    const elsewhere = 'staging.orders.nodes';
    await log.createTopic({ topic: elsewhere, partitions: 1, replicationFactor: 1, config: new Map() });
    const write = [];
    for (const nodesTopic of [NODES, elsewhere]) {
      const context = { ...topics.context(), nodesTopic };
      const reader = new NodesReader(context, { slotsOf: 's1' });
      await reader.replay(signal);
      const directory = new NodeDirectory({ ...context, node: 's1', reader });
      const writer = await directory.claim({ log, signal });
      write.push(() => directory.write(writer, { node: nodeStatus('s1'), time: 1 }));
    }
    await Promise.all(write.map((commit) => commit()));
  });
});

describe('a node that starts again', options, () => {
  test('knows the slots that it recorded behind the open transaction of a node that died', async () => {
    const topics = await MemoryTopics.create();
    const { log } = topics;
    const first = await openDirectory(topics, 's1');
    const writer = await first.claim({ log, signal });
    log.leaveOpen('slotcast.orders.node.s2', await topics.encode(slotOn('s2')));
    const owned = slotOn('s1');
    await first.write(writer, { slots: [owned], time: owned.time });

    const second = await openDirectory(topics, 's1');
    assert.equal(second.ownership.has(slot), false, 'the record is out of sight');
    let claimed = false;
    const ownership = second.claim({ log, signal }).then(() => {
      claimed = true;
      return second.ownership.get(slot);
    });
    // By now it has gone as far as it can.
    await nextTurn();
    assert.equal(claimed, false, 'it waits');
    // The broker ends the transaction of the other node when its time is over.
    await log.claim('slotcast.orders.node.s2');
    assert.deepEqual(await ownership, owned.ownership);
  });

  test('owns nothing of a server that had its name and was taken out of the topic', async () => {
    const topics = await MemoryTopics.create();
    await topics.append(nodeStatus('s1'), slotOn('s1'));
    const tombstone = topics.codec.encodeTombstone({ node: 's1', time: 0 });
    await topics.appendRaw([{ ...tombstone, topic: topics.context().nodesTopic }]);
    const directory = await openDirectory(topics, 's1');
    assert.equal(directory.own, undefined);
    assert.equal(directory.ownership.size, 0);
  });

  test('goes on to own nothing of that server when compaction has taken what told of its end', async () => {
    const topics = await MemoryTopics.create();
    const { log } = topics;
    await topics.append(nodeStatus('s1'), slotOn('s1'), slotOn('s2'));
    await topics.appendRaw(await nodeTombstones(topics.context(), { node: 's1', time: 0, signal }));
    // Of the same key as the tombstone of the node.
    await topics.append(nodeStatus('s1', { instance: 'newer' }));
    log.compact(NODES);
    const directory = await openDirectory(topics, 's1');
    assert.equal(directory.own?.instance, 'newer');
    assert.equal(directory.ownership.size, 0);
    assert.equal((await openDirectory(topics, 's2')).ownership.size, 1, 'others keep theirs');
  });
});
