import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type NodeServer, type NodeStatus, parseSystemIdentifier } from '@slotcast/domain';
import { SlotcastError } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';
import { awaitNodeName, NodeDirectory, NodesReader } from '@slotcast/topics';
import { MemoryTopics } from './memory-topics.ts';
import { nodeStatus } from './records.ts';

const options = { timeout: 20_000 };

const logger = createLogger({ level: 'silent', fields: {} });
const systemIdentifier = parseSystemIdentifier('7300000000000000001');
const own: NodeServer = { node: 'db1', instance: 'newer', systemIdentifier, serverStartedAt: 2000 };
const { signal } = new AbortController();

/** A server's record under this name. */
function write(
  topics: MemoryTopics,
  node: string,
  serverStartedAt: number,
  place: Partial<NodeStatus> = {},
): Promise<void> {
  return topics.append(nodeStatus(node, { serverStartedAt, ...place }));
}

/** Longer than a test may take: who listens for so long fails it. */
const FOR_EVER = 60_000;

/** Replays the topic, then asks for the name; the records that `meanwhile` writes come while it is asked for. */
async function ask(
  topics: MemoryTopics,
  listenMs: number,
  meanwhile: () => Promise<void> = () => Promise.resolve(),
  look: () => NodeServer = () => own,
): Promise<void> {
  const context = topics.context();
  const reader = new NodesReader(context, { slotsOf: 'db1' });
  await reader.replay(signal);
  const directory = new NodeDirectory({ ...context, node: 'db1', reader });
  const limits = { listenMs: { primary: listenMs, standby: listenMs }, silentMs: 60_000 };
  try {
    const claimant = () => Promise.resolve({ own: look(), manifest: undefined });
    const asking = awaitNodeName({ look: claimant, directory, logger, signal, limits });
    await Promise.all([asking, meanwhile()]);
  } finally {
    await reader.close();
  }
}

describe('the name of a node on the topic', options, () => {
  test('is refused while another server goes on writing under it', async () => {
    const topics = await MemoryTopics.create();
    await write(topics, 'db1', 1000);
    const asking = ask(topics, FOR_EVER, async () => {
      // Several of them may arrive together, which counts as one.
      for (let count = 0; count < 50; count += 1) {
        await write(topics, 'db1', 1000);
        await nextTurn();
      }
    });
    await assert.rejects(
      asking,
      (error) =>
        error instanceof SlotcastError && error.code === 'SC_DUPLICATE_NODE' && error.exitCode === 78,
    );
  });

  test('is free after a while in which nobody but others wrote', async () => {
    const topics = await MemoryTopics.create();
    await write(topics, 'db1', 1000);
    await ask(topics, 50, () => write(topics, 'db2', 1000));
  });

  test('is free at once when the last that comes is of this server', async () => {
    const topics = await MemoryTopics.create();
    await write(topics, 'db1', 1000);
    await ask(topics, FOR_EVER, () => write(topics, 'db1', own.serverStartedAt));
  });

  test('is free as soon as this server has taken the place of the other one', async () => {
    const topics = await MemoryTopics.create();
    await write(topics, 'db1', 1000, { upstream: 'db0:5432', primarySlotName: 'db1' });
    let looks = 0;
    await ask(topics, FOR_EVER, undefined, () => {
      looks += 1;
      return looks === 1 ? own : { ...own, upstream: 'db0:5432', primarySlotName: 'db1' };
    });
    assert.equal(looks, 2);
  });

  test('is free at once where others have written for a minute since', async () => {
    const topics = await MemoryTopics.create();
    await write(topics, 'db1', 1000);
    topics.brokerMs += 60_000;
    await write(topics, 'db2', 1000);
    await ask(topics, FOR_EVER);
  });

  test('is refused to a node that no record can be seen of, when another server writes under it behind an open transaction', async () => {
    const topics = await MemoryTopics.create();
    topics.log.leaveOpen('slotcast.orders.node.db9', await topics.encode(nodeStatus('db9')));
    await write(topics, 'db1', 1000);
    const asking = ask(topics, FOR_EVER, async () => {
      await nextTurn();
      // The broker ends the transaction of the node that died when its time is over.
      await topics.log.claim('slotcast.orders.node.db9');
      for (let count = 0; count < 50; count += 1) {
        await write(topics, 'db1', 1000);
        await nextTurn();
      }
    });
    await assert.rejects(
      asking,
      (error) => error instanceof SlotcastError && error.code === 'SC_DUPLICATE_NODE',
    );
  });
});
