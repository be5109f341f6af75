import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { NodesRecord, SlotsRecord } from '@slotcast/domain';
import type { NewRecord } from '@slotcast/event-log';
import type { Clock } from '@slotcast/kernel';
import { NodesReader, SlotsReader, type UnusableRecord } from '@slotcast/topics';
import * as fc from 'fast-check';
import { MemoryTopics, NODES, SLOTS } from './memory-topics.ts';
import { confirmed, manifest, nodeStatus, slotOn } from './records.ts';

const options = { timeout: 30_000 };
const { signal } = new AbortController();

class HeldClock implements Clock {
  wallMs = 1_000_000;
  elapsedMs = 0;
  now(): number {
    return this.wallMs;
  }
  monotonicMs(): number {
    return this.elapsedMs;
  }
  sleep(): Promise<void> {
    return Promise.reject(new Error('nobody sleeps here'));
  }
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** What slotcast never writes: another tool's record, a value cut short, a key that is no text. */
function malformed(topic: string): NewRecord[] {
  const headers = new Map<string, Uint8Array>();
  return [
    { topic, key: bytes('no/slot/name'), value: bytes('{}'), headers },
    { topic, key: bytes('app1'), value: bytes('\u0003'), headers },
    { topic, key: Uint8Array.of(0xff), value: null, headers },
  ];
}

async function readSlots(topics: MemoryTopics, unusable: UnusableRecord[] = []): Promise<SlotsReader> {
  const reader = new SlotsReader(topics.context({ unusable }));
  await reader.replay(signal);
  return reader;
}

describe('records that cannot be used', options, () => {
  test('are told of with their place, wherever they are, and change nothing', async () => {
    const contents: readonly (SlotsRecord | NodesRecord)[] = [
      confirmed('app1', { seq: 1 }),
      manifest({ seq: 2 }),
      nodeStatus('s1'),
      slotOn('s1'),
    ];
    const anyPlaces = fc.array(fc.record({ before: fc.nat({ max: 4 }), which: fc.nat({ max: 2 }) }), {
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(anyPlaces, async (places) => {
        const [clean, dirty] = [await MemoryTopics.create(), await MemoryTopics.create()];
        const bad: string[] = [];
        for (const [index, content] of [...contents, undefined].entries()) {
          for (const { which } of places.filter(({ before }) => before === index)) {
            for (const topic of [SLOTS, NODES]) {
              const record = malformed(topic)[which];
              if (record !== undefined) {
                bad.push(topic);
                await dirty.appendRaw([record]);
              }
            }
          }
          if (content !== undefined && content.kind !== 'node_tombstone') {
            await clean.append(content);
            await dirty.append(content);
          }
        }
        const unusable: UnusableRecord[] = [];
        const context = dirty.context({ unusable });
        const [slots, nodes] = [new SlotsReader(context), new NodesReader(context)];
        await slots.replay(signal);
        await nodes.replay(signal);
        assert.deepEqual(unusable.map(({ topic }) => topic).toSorted(), bad.toSorted());
        const cleanNodes = new NodesReader(clean.context());
        await cleanNodes.replay(signal);
        assert.deepEqual(slots.topic, (await readSlots(clean)).topic);
        assert.deepEqual(nodes.topic, cleanNodes.topic);
      }),
      { numRuns: 40 },
    );
  });

  test('are those that turn the clock back, too', async () => {
    const topics = await MemoryTopics.create();
    await topics.append(
      manifest({ timeline: 2, epoch: 2 }),
      manifest({ epoch: 3 }),
      confirmed('app1', { epoch: 3 }),
    );
    const unusable: UnusableRecord[] = [];
    const { topic } = await readSlots(topics, unusable);
    assert.equal(topic.manifest?.record.timeline, 2);
    assert.deepEqual(
      unusable.map(({ offset, key }) => [Number(offset), key]),
      [
        [2, '@manifest'],
        [4, 'app1'],
      ],
    );
    assert.match(unusable[0]?.reason ?? '', /\(timeline 1, epoch 3, seq 1\).* came after .*\(timeline 2/);
  });
});

describe('the end of a topic', options, () => {
  test('as it is written lies behind what an open transaction hides', async () => {
    const topics = await MemoryTopics.create();
    topics.log.leaveOpen('slotcast.orders.node.s2', await topics.encode(nodeStatus('s2')));
    await topics.append(nodeStatus('s1'));
    const reader = new NodesReader(topics.context());
    await reader.replay(signal);
    assert.deepEqual([...reader.nodes.keys()], []);
    const reading = reader.readToWrittenEnd(signal);
    await nextTurn();
    await topics.log.claim('slotcast.orders.node.s2');
    await reading;
    assert.deepEqual([...reader.nodes.keys()], ['s1']);
  });

  test('is taken when it is said to be', async () => {
    const topics = await MemoryTopics.create();
    await topics.append(manifest({ seq: 1 }));
    const reader = await readSlots(topics);
    assert.equal(reader.taken, await topics.log.endOffset(SLOTS));
    await topics.append(manifest({ seq: 2 }));
    const next = reader.next(signal);
    const end = await topics.log.endOffset(SLOTS);
    while (reader.taken < end) {
      assert.equal(reader.manifest?.seq, 1);
      await nextTurn();
    }
    assert.equal(reader.manifest?.seq, 2);
    await next;
  });
});

describe('how long the publisher is silent', options, () => {
  test('is told by the brokers at first, and by its own arrival from then on, never by its clock', async () => {
    const topics = await MemoryTopics.create();
    const clock = new HeldClock();
    topics.brokerMs = clock.wallMs - 4000;
    await topics.append(manifest({ seq: 1 }, { time: 5 }));
    const reader = new SlotsReader(topics.context({ clock }));
    assert.equal(reader.publisherSilentMs, Number.POSITIVE_INFINITY);
    await reader.replay(signal);
    assert.equal(reader.publisherSilentMs, 4000);
    await topics.append(manifest({ seq: 2 }, { time: 2 * clock.wallMs }));
    await reader.next(signal);
    assert.equal(reader.publisherSilentMs, 0);
    clock.elapsedMs += 2500;
    clock.wallMs += 3_600_000;
    assert.equal(reader.publisherSilentMs, 2500);
  });

  test('is no less than the nodes topic shows', async () => {
    const topics = await MemoryTopics.create();
    const clock = new HeldClock();
    clock.wallMs = 0;
    await topics.append(manifest({ seq: 1 }));
    topics.brokerMs += 60_000;
    await topics.append(nodeStatus('s1'));
    const context = topics.context({ clock });
    const [slots, nodes] = [new SlotsReader(context), new NodesReader(context)];
    await slots.replay(signal);
    await nodes.replay(signal);
    assert.equal(slots.publisherSilentMs, 60_000);
    assert.deepEqual([...nodes.silentFor(30_000)], []);
  });
});

describe('wishes for a running-xacts record', options, () => {
  test('stand from when they come until they are not repeated', async () => {
    const topics = await MemoryTopics.create();
    const clock = new HeldClock();
    const wishing = nodeStatus('s1', { wantsStandbySnapshot: true });
    await topics.append(wishing);
    const reader = new NodesReader(topics.context({ clock }));
    await reader.replay(signal);
    assert.deepEqual(reader.wishes(), [], 'one that was there before is stale, or will be repeated');
    await topics.append(wishing);
    await reader.next(signal);
    assert.deepEqual(reader.wishes(), ['s1']);
    clock.elapsedMs += 5001;
    assert.deepEqual(reader.wishes(), []);
  });
});
