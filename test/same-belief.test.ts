import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  HandedOver,
  lsn,
  type Manifest,
  type Promotion,
  parseSlotName,
  parseSystemIdentifier,
  type SlotEvent,
  startOf,
  type TimelineHistory,
  timeline,
} from '@slotcast/domain';
import { type EventLog, MemoryLog, topicNames } from '@slotcast/event-log';
import { createCodec } from '@slotcast/event-schema';
import { SlotcastError, systemClock } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';
import type { WalEnd } from '@slotcast/postgres';
import { claimTopic } from '@slotcast/publishing';
import {
  ClusterReader,
  NodesReader,
  SilenceMeter,
  SlotsFeed,
  SlotsReader,
  type TopicsContext,
} from '@slotcast/topics';
import * as fc from 'fast-check';

const { slots: slotsTopic, nodes: nodesTopic } = topicNames('slotcast', 'orders');
const codec = createCodec();
const systemIdentifier = parseSystemIdentifier('7300000000000000001');
const { signal } = new AbortController();

/** Timeline 2 left timeline 1 at 1000. */
function historyOf(line: number): TimelineHistory {
  const ancestors = line === 1 ? [] : [{ timeline: timeline(1), switchLsn: lsn(1000n) }];
  return { timeline: timeline(line), ancestors };
}

interface Place {
  readonly timeline: number;
  readonly epoch: number;
  readonly seq: number;
}

function origin({ timeline: line, epoch, seq }: Place) {
  const at = lsn(BigInt(100 * epoch + seq));
  return { lsn: at, timeline: timeline(line), epoch, seq, node: `db${line}`, time: 0 };
}

function manifest(place: Place): Manifest {
  return {
    ...origin(place),
    kind: 'manifest',
    systemIdentifier,
    history: historyOf(place.timeline),
    timelineNode: `db${place.timeline}`,
    instance: 'one',
    lineage: 'first',
    slots: [],
  };
}

function event(name: string, place: Place, op: 'update' | 'drop'): SlotEvent {
  const slot = parseSlotName(name);
  const state = {
    name: slot,
    type: 'logical' as const,
    plugin: 'pgoutput',
    database: 'app',
    databaseOid: 5,
    twoPhase: false,
    failover: false,
    synced: false,
    active: false,
    confirmedFlushLsn: origin(place).lsn,
  };
  return { ...origin(place), kind: 'slot', op, slot, incarnation: { epoch: place.epoch, seq: 1 }, state };
}

async function topicOf(records: readonly (Manifest | SlotEvent)[]): Promise<MemoryLog> {
  const log = new MemoryLog();
  for (const topic of [slotsTopic, nodesTopic]) {
    await log.createTopic({ topic, partitions: 1, replicationFactor: 1, config: new Map() });
  }
  // By another tool, or by a copy of the topic that was put together in another order.
  const writer = await log.claim('another');
  for (const record of records) {
    const encoded =
      record.kind === 'manifest'
        ? [await codec.encodeManifest(slotsTopic, record)]
        : await codec.encodeSlotEvent(slotsTopic, record);
    await writer.append(encoded.map((each) => ({ ...each, topic: slotsTopic })));
  }
  return log;
}

function contextOf(log: EventLog, onUnusable: TopicsContext['onUnusable'] = () => undefined): TopicsContext {
  return { log, codec, slotsTopic, nodesTopic, silence: new SilenceMeter(systemClock), onUnusable };
}

function promotionTo(line: number): Promotion {
  return { timeline: timeline(line), switchLsn: lsn(1000n), ahead: [], lost: [], time: 0 };
}

function endOf(line: number): WalEnd {
  const end = lsn(1_000_000n);
  const life = { timeline: timeline(line), serverStartedAt: 1, replayedLsn: undefined };
  return { ...life, insertLsn: end, flushLsn: end, nextXid: 3 };
}

/** A publisher beside a primary on this timeline, to which everything is handed over. */
async function claim(log: EventLog, line: number) {
  const topics = contextOf(log);
  const nodes = new NodesReader(topics);
  await nodes.replay(signal);
  const claimed: (Manifest | undefined)[] = [];
  const tenure = await claimTopic({
    topics,
    nodes,
    logger: createLogger({ level: 'silent', fields: {} }),
    clock: systemClock,
    identity: {
      node: `db${line}`,
      instance: 'two',
      slotsTopic,
      nodesTopic,
      transactionalId: 'slotcast.orders.publisher',
      // Nobody has said anything of itself.
      takeOver: true,
      demotionWaitMs: 0,
      version: '0.1.0',
    },
    server: { systemIdentifier, history: historyOf(line), serverVersion: 180_004, serverStartedAt: 1 },
    readEnd: () => Promise.resolve(endOf(line)),
    settleAgain: () => Promise.reject(new Error('not needed')),
    onRival: () => undefined,
    former: undefined,
    progressed: () => undefined,
    onRead: () => undefined,
    beforeClaim: (newest) => {
      claimed.push(newest);
      const handedOver =
        HandedOver.noneNeeded(newest, timeline(line)) ??
        HandedOver.onRecord({ promotion: promotionTo(line) }, startOf(historyOf(line)));
      return handedOver === undefined
        ? Promise.reject(new Error('open'))
        : Promise.resolve({ handedOver, ownership: new Map() });
    },
    signal,
  });
  return { tenure, newest: claimed[0] };
}

function isHigherTimeline(error: unknown): boolean {
  return error instanceof SlotcastError && error.code === 'SC_HIGHER_TIMELINE';
}

describe('publisher, consumer and commands', { timeout: 60_000 }, () => {
  test('believe no manifest that came after one of a later timeline: a server that was left behind claims nothing', async () => {
    const late = manifest({ timeline: 1, epoch: 3, seq: 1 });
    const log = await topicOf([manifest({ timeline: 2, epoch: 2, seq: 1 }), late]);
    await assert.rejects(claim(log, 1), isHigherTimeline);
    const { tenure } = await claim(log, 2);
    assert.equal(tenure.facts.epoch, 4, 'the epoch of what nobody believes is not used again');
  });

  test('trust the same manifest, and know the same slots, whatever the order of the topic', async () => {
    const anyRecord = fc
      .record({
        name: fc.constantFrom('a', 'b', 'c', '@'),
        op: fc.constantFrom('update' as const, 'update' as const, 'drop' as const),
        timeline: fc.integer({ min: 1, max: 2 }),
        epoch: fc.integer({ min: 1, max: 3 }),
        seq: fc.integer({ min: 1, max: 8 }),
      })
      .map(({ name, op, ...place }) => (name === '@' ? manifest(place) : event(name, place, op)));
    await fc.assert(
      fc.asyncProperty(fc.array(anyRecord, { maxLength: 25 }), async (records) => {
        const log = await topicOf(records);
        const feed = new SlotsFeed(contextOf(log));
        await feed.reader.replay(signal);
        const cluster = await ClusterReader.read({ ...contextOf(log), clock: systemClock }, signal);
        const trusted = feed.newestManifest;
        const known = [...feed.reader.topic.newest.keys()].toSorted();
        assert.deepEqual(cluster.slots.manifest, trusted);
        assert.deepEqual([...cluster.slots.topic.newest.keys()].toSorted(), known);
        const { tenure, newest } = await claim(log, feed.reader.topic.last?.timeline ?? 1);
        assert.deepEqual(newest, trusted);
        assert.deepEqual([...tenure.published.keys()].toSorted(), known);
        // What the tenure writes next is believed by all.
        const before = new SlotsReader(contextOf(log));
        await before.replay(signal);
        const heartbeat = {
          oldestTransaction: undefined,
          preparedTransactions: [],
          physicalSlots: [],
          unreadableSlots: [],
        };
        await tenure.publish({ lsn: lsn(2000n), changes: [], heartbeat });
        await before.readToEnd(signal);
        assert.equal(before.manifest?.epoch, tenure.facts.epoch);
      }),
      { numRuns: 60 },
    );
  });
});
