import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type NodeServer, type NodeStatus, parseSystemIdentifier, timeline } from '@slotcast/domain';
import { type LogRecord, type LogWriter, MemoryLog, replayTopic } from '@slotcast/event-log';
import { createCodec } from '@slotcast/event-schema';
import { awaitNodeName, NodeDirectory } from '@slotcast/hand-off';
import { SlotcastError } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';

const options = { timeout: 20_000 };

const TOPIC = 'slotcast.c.nodes';
const codec = createCodec();
const logger = createLogger({ level: 'silent', fields: {} });
const systemIdentifier = parseSystemIdentifier('7300000000000000001');
const own: NodeServer = { node: 'db1', instance: 'newer', systemIdentifier, serverStartedAt: 2000 };

/** A nodes topic, its writer, and a clock of the brokers that can be set. */
async function topic() {
  let now = 100_000;
  const log = new MemoryLog({ now: () => now });
  await log.createTopic({ topic: TOPIC, partitions: 1, replicationFactor: 1, config: new Map() });
  const writer = await log.claim('writer');
  const pass = (ms: number): void => {
    now += ms;
  };
  return { log, writer, pass };
}

async function write(
  writer: LogWriter,
  node: string,
  serverStartedAt: number,
  place: Partial<NodeStatus> = {},
): Promise<void> {
  const status: NodeStatus = {
    kind: 'node',
    node,
    role: 'standby',
    instance: 'older',
    version: '0.1.0',
    systemIdentifier,
    serverStartedAt,
    timeline: timeline(1),
    serverVersion: 180004,
    physicalSlots: [],
    wantsStandbySnapshot: false,
    time: 0,
    ...place,
  };
  await writer.append([{ topic: TOPIC, ...(await codec.encodeNodeStatus(TOPIC, status)) }]);
}

/** Longer than a test may take: who listens for so long fails it. */
const FOR_EVER = 60_000;

/** Replays the topic, then asks for the name; the records that `meanwhile` writes come while it is asked for. */
async function ask(
  log: MemoryLog,
  listenMs: number,
  meanwhile: () => Promise<void> = () => Promise.resolve(),
  look: () => NodeServer = () => own,
): Promise<void> {
  const directory = new NodeDirectory({ node: 'db1', topic: TOPIC, codec, onMalformed: () => {}, logger });
  const { signal } = new AbortController();
  const onRecords = (records: readonly LogRecord[]): Promise<void> => directory.take(records, false);
  const reader = await replayTopic({ log, topic: TOPIC, onRecords, signal });
  const limits = { listenMs: { primary: listenMs, standby: listenMs }, silentMs: 60_000 };
  try {
    const claimant = () => Promise.resolve({ own: look(), manifest: undefined });
    const asking = awaitNodeName({ look: claimant, reader, directory, logger, signal, limits });
    await Promise.all([asking, meanwhile()]);
  } finally {
    await reader.close();
  }
}

describe('the name of a node on the topic', options, () => {
  test('is refused while another server goes on writing under it', async () => {
    const { log, writer } = await topic();
    await write(writer, 'db1', 1000);
    const asking = ask(log, FOR_EVER, async () => {
      // Several of them may arrive together, which counts as one.
      for (let count = 0; count < 50; count += 1) {
        await write(writer, 'db1', 1000);
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
    const { log, writer } = await topic();
    await write(writer, 'db1', 1000);
    await ask(log, 50, () => write(writer, 'db2', 1000));
  });

  test('is free at once when the last that comes is of this server', async () => {
    const { log, writer } = await topic();
    await write(writer, 'db1', 1000);
    await ask(log, FOR_EVER, () => write(writer, 'db1', own.serverStartedAt));
  });

  test('is free as soon as this server has taken the place of the other one', async () => {
    const { log, writer } = await topic();
    await write(writer, 'db1', 1000, { upstream: 'db0:5432', primarySlotName: 'db1' });
    let looks = 0;
    await ask(log, FOR_EVER, undefined, () => {
      looks += 1;
      return looks === 1 ? own : { ...own, upstream: 'db0:5432', primarySlotName: 'db1' };
    });
    assert.equal(looks, 2);
  });

  test('is free at once where others have written for a minute since', async () => {
    const { log, writer, pass } = await topic();
    await write(writer, 'db1', 1000);
    pass(60_000);
    await write(writer, 'db2', 1000);
    await ask(log, FOR_EVER);
  });
});
