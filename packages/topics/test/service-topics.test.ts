import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NewRecord } from '@slotcast/event-log';
import { systemClock } from '@slotcast/kernel';
import { createLogger, createPublisherMetrics, type PublisherMetrics } from '@slotcast/observability';
import { NodesReader, SlotsReader, serviceTopics, type TopicsContext } from '@slotcast/topics';
import { MemoryTopics, NODES, SLOTS } from './memory-topics.ts';
import { confirmed, manifest } from './records.ts';

const options = { timeout: 10_000 };
const { signal } = new AbortController();

function malformed(topic: string): NewRecord {
  const encoder = new TextEncoder();
  return { topic, key: encoder.encode('app1'), value: encoder.encode('?'), headers: new Map() };
}

class Service {
  readonly topics: MemoryTopics;
  readonly context: TopicsContext;
  readonly lines: string[] = [];
  readonly #metrics: PublisherMetrics;

  constructor(topics: MemoryTopics) {
    this.topics = topics;
    this.#metrics = createPublisherMetrics({ version: '0', node: 'n', cluster: 'c' });
    const stream = { write: (line: string) => void this.lines.push(line) };
    const logger = createLogger({ level: 'error', fields: {}, stream });
    const { log, codec } = topics;
    const names = { slotsTopic: SLOTS, nodesTopic: NODES };
    this.context = serviceTopics({
      log,
      codec,
      ...names,
      clock: systemClock,
      logger,
      metrics: this.#metrics,
    });
  }

  async readAll(): Promise<void> {
    for (const reader of [new SlotsReader(this.context), new NodesReader(this.context)]) {
      await reader.replay(signal);
      await reader.close();
    }
  }

  async counted(): Promise<number | undefined> {
    return (await this.#metrics.malformedRecordsTotal.get()).values[0]?.value;
  }
}

describe('the records that a service skips', options, () => {
  test('are told of and counted once, however often the topics are read anew', async () => {
    const service = new Service(await MemoryTopics.create());
    // At the same offset of both topics.
    await service.topics.appendRaw([malformed(SLOTS)]);
    await service.topics.appendRaw([malformed(NODES)]);
    await service.readAll();
    assert.equal(await service.counted(), 2);
    await service.readAll();
    assert.equal(await service.counted(), 2);
    await service.topics.appendRaw([malformed(NODES)]);
    await service.readAll();
    assert.equal(await service.counted(), 3);
    assert.equal(service.lines.length, 3);
  });

  test('are all told of, also when one that turns the clock back lies before one that cannot be read', async () => {
    const service = new Service(await MemoryTopics.create());
    await service.topics.append(manifest({ seq: 5 }), confirmed('app1', { seq: 4 }));
    await service.topics.appendRaw([malformed(SLOTS)]);
    await service.readAll();
    assert.equal(await service.counted(), 2);
  });
});
