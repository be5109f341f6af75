import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lsn, type Manifest, timeline } from '@slotcast/domain';
import { type EventLog, type LogWriter, MemoryLog, topicNames } from '@slotcast/event-log';
import { type Codec, createCodec } from '@slotcast/event-schema';
import { systemClock } from '@slotcast/kernel';
import { createLogger, createPublisherMetrics } from '@slotcast/observability';
import { connectPostgres, readServerIdentity } from '@slotcast/postgres';
import { createPublisher } from '@slotcast/publishing';
import { type PostgresServer, startPrimary, waitUntil } from '@slotcast/testkit';
import { ROLE } from './support/scene.ts';
import { standbyRecord } from './support/standby-record.ts';

const CLUSTER = 'orders';
const NODE = 's1';
const { slots, nodes } = topicNames('slotcast', CLUSTER);

/** A log that tells of each claim before it is made. */
function withClaims(log: MemoryLog, onClaim: (transactionalId: string) => Promise<void>): EventLog {
  const claim = async (transactionalId: string): Promise<LogWriter> => {
    await onClaim(transactionalId);
    return await log.claim(transactionalId);
  };
  return new Proxy(log, {
    get: (target, name) => {
      const value: unknown = name === 'claim' ? claim : Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** What the former primary had published, on the first timeline. */
async function publishBefore(log: MemoryLog, codec: Codec, primary: PostgresServer): Promise<void> {
  const connection = await connectPostgres({ url: primary.url('postgres', ROLE), applicationName: 'test' });
  const { systemIdentifier } = await readServerIdentity(connection);
  await connection.close();
  const manifest: Manifest = {
    kind: 'manifest',
    lsn: lsn(0x1000000n),
    timeline: timeline(1),
    epoch: 1,
    seq: 1,
    node: primary.name,
    time: Date.now(),
    systemIdentifier,
    history: { timeline: timeline(1), ancestors: [] },
    timelineNode: primary.name,
    instance: 'former',
    lineage: 'first',
    slots: [],
  };
  for (const topic of [slots, nodes]) {
    await log.createTopic({ topic, partitions: 1, replicationFactor: 1, config: new Map() });
  }
  const writer = await log.claim(`slotcast.${CLUSTER}.publisher`);
  const record = await codec.encodeNodeStatus(nodes, standbyRecord(NODE, systemIdentifier));
  await writer.append([
    { ...(await codec.encodeManifest(slots, manifest)), topic: slots },
    { ...record, topic: nodes },
  ]);
}

function publisherBeside(
  server: PostgresServer,
  log: EventLog,
  codec: Codec,
): { readonly publisher: ReturnType<typeof createPublisher>; readonly phase: () => string | undefined } {
  const metrics = createPublisherMetrics({ version: '0.0.0', node: NODE, cluster: CLUSTER });
  const publisher = createPublisher({
    node: NODE,
    cluster: CLUSTER,
    slotsTopic: slots,
    nodesTopic: nodes,
    version: '0.0.0',
    takeOver: false,
    demotionWaitMs: 30_000,
    policy: {
      wanted: () => true,
      filter: { text: 'name_like:%', confirmed: true },
      dropExtraSlots: true,
      onConflict: 'report',
      allowedPlugins: ['pgoutput'],
      limits: { maxLagBytes: 1n, maxLagMs: 1, heartbeatStaleMs: 1 },
      advanceStepBytes: 1n,
    },
    onDivergence: 'fence',
    pollMinMs: 20,
    pollMaxMs: 250,
    maxEventsPerSecond: 500,
    orphanRetentionMs: undefined,
    canary: false,
    postgres: { url: server.url('postgres', ROLE), applicationName: 'publisher' },
    log,
    codec,
    verifyTopics: () => Promise.resolve(),
    explainError: (error) => error,
    metrics,
    logger: createLogger({ level: 'silent', fields: {} }),
    clock: systemClock,
  });
  const phase = (): string | undefined => metrics.nodePhase.phase;
  return { publisher, phase };
}

describe('a publisher whose server goes back into recovery', { timeout: 480_000 }, () => {
  test('during its hand-off claims nothing, and claims once the server is promoted again', {
    timeout: 180_000,
  }, async () => {
    await using primary = await startPrimary({ major: 18 });
    await primary.createRole(ROLE);
    const server = await primary.addStandby({ name: NODE });
    const codec = createCodec();
    const log = new MemoryLog();
    await publishBefore(log, codec, primary);
    await primary.stop();
    await server.promote();

    const claims: string[] = [];
    const watched = withClaims(log, async (transactionalId) => {
      // The publisher has seen a primary, and is about to hand its slots over.
      if (claims.push(transactionalId) === 1) {
        await primary.start();
        await server.follow(primary, { waitForStreaming: false });
      }
    });
    const { publisher, phase } = publisherBeside(server, watched, codec);
    const stop = new AbortController();
    const running = publisher.run(stop.signal);
    try {
      await waitUntil(() => claims.length > 1 || (claims.length === 1 && phase() === 'watching'), {
        describe: () => `the publisher asleep, with the claims ${claims.join(', ')}`,
      });
      assert.deepEqual(claims, [`slotcast.${CLUSTER}.node.${NODE}`]);
      await server.promote();
      await waitUntil(() => claims.includes(`slotcast.${CLUSTER}.publisher`), {
        describe: () => `the claim of the topic after ${claims.join(', ')}`,
      });
    } finally {
      stop.abort();
      await running;
    }
  });
});
