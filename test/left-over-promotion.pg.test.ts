import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lsn, type Manifest, parseSystemIdentifier, type RoleEvent, timeline } from '@slotcast/domain';
import { MemoryLog, topicNames } from '@slotcast/event-log';
import { createCodec } from '@slotcast/event-schema';
import { Promotion } from '@slotcast/hand-off';
import { systemClock } from '@slotcast/kernel';
import { createLogger } from '@slotcast/observability';
import { startPrimary, waitUntil } from '@slotcast/testkit';
import { NodesReader, SilenceMeter, type TopicsContext } from '@slotcast/topics';
import { standbyRecord } from './support/standby-record.ts';

const ROLE = 'slotcast';
const { slots: slotsTopic, nodes: nodesTopic } = topicNames('slotcast', 'orders');
const codec = createCodec();
const logger = createLogger({ level: 'silent', fields: {} });
const { signal } = new AbortController();

function manifestOf(systemIdentifier: string): Manifest {
  return {
    kind: 'manifest',
    lsn: lsn(1n),
    timeline: timeline(1),
    epoch: 1,
    seq: 1,
    node: 'primary',
    time: 0,
    systemIdentifier: parseSystemIdentifier(systemIdentifier),
    history: { timeline: timeline(1), ancestors: [] },
    timelineNode: 'primary',
    instance: 'one',
    lineage: 'first',
    slots: [],
  };
}

/** Both topics, with slots that a primary of this system has published, and what the promoted node had said of itself, if anything. */
async function topicsOf(systemIdentifier: string, recorded: boolean): Promise<TopicsContext> {
  const log = new MemoryLog();
  for (const topic of [slotsTopic, nodesTopic]) {
    await log.createTopic({ topic, partitions: 1, replicationFactor: 1, config: new Map() });
  }
  const writer = await log.claim('publisher');
  const encoded = await codec.encodeManifest(slotsTopic, manifestOf(systemIdentifier));
  await writer.append([{ ...encoded, topic: slotsTopic }]);
  if (recorded) {
    const record = await codec.encodeNodeStatus(nodesTopic, standbyRecord('s1', systemIdentifier));
    await writer.append([{ ...record, topic: nodesTopic }]);
  }
  await writer.close();
  const silence = new SilenceMeter(systemClock);
  return { log, codec, slotsTopic, nodesTopic, silence, onUnusable: () => assert.fail('unusable') };
}

test('a promotion that was seen is handed over without a session only where a publisher might claim the topic', {
  timeout: 240_000,
}, async () => {
  await using primary = await startPrimary({ major: 18 });
  await primary.createRole(ROLE);
  const [row] = await primary.query<{ id: string }>(
    'select system_identifier::text as id from pg_control_system()',
  );
  assert.ok(row);
  const standby = await primary.addStandby({ name: 's1' });
  const promotion = new Promotion({
    node: 's1',
    cluster: 'orders',
    version: '0',
    policy: { wanted: () => true },
    onDivergence: 'fence',
    postgres: { url: standby.url('postgres', ROLE), applicationName: 'guard' },
    logger,
    clock: systemClock,
  });
  const heard: RoleEvent[] = [];
  const stop = new AbortController();
  const attending = promotion.attend((event) => heard.push(event), stop.signal);
  try {
    await standby.waitFor(
      `select from pg_stat_activity where application_name = 'guard' and state = 'active'
          and query like '%recursive look%' and query_start > backend_start + interval '1 s'`,
      (rows) => rows.length === 1,
    );
    await standby.promote();
    await waitUntil(() => heard.includes('fence_stands'), { describe: 'the fence' });

    for (const [systemIdentifier, recorded, roles] of [
      ['7300000000000000001', true, ['standby']],
      // It may be a copy.
      [row.id, false, []],
      [row.id, true, ['primary']],
    ] as const) {
      const topics = await topicsOf(systemIdentifier, recorded);
      await promotion.finishLate(
        { instance: 'two', topics, report: () => undefined, progressed: () => undefined, logger },
        signal,
      );
      const nodes = new NodesReader(topics);
      await nodes.replay(signal);
      assert.deepEqual(
        [...nodes.nodes.values()].map(({ role }) => role),
        roles,
      );
      await nodes.close();
    }
  } finally {
    stop.abort();
    await attending;
  }
});
