import { reasonText } from '@slotcast/domain';
import { createKafkaLog } from '@slotcast/event-log';
import { createCodec } from '@slotcast/event-schema';
import { systemClock } from '@slotcast/kernel';
import { NodesReader, SilenceMeter } from '@slotcast/topics';
import type { Stage } from './stage.ts';

const TIMEOUT_MS = 10_000;

/** What the consumers wrote into the nodes topic about each slot, a line each. */
export async function readSlotReasons(stage: Pick<Stage, 'settings' | 'topics'>): Promise<readonly string[]> {
  const log = createKafkaLog({
    brokers: [stage.settings.kafkaBootstrapServers],
    clientId: 'slotcast-demo',
    // The topic is read to explain a failure; what kafkajs has to say on the way would only bury it.
    logger: () => undefined,
  });
  const nodes = new NodesReader({
    log,
    codec: createCodec(),
    slotsTopic: stage.topics.slots,
    nodesTopic: stage.topics.nodes,
    silence: new SilenceMeter(systemClock),
    onUnusable: () => undefined,
  });
  try {
    await nodes.replay(AbortSignal.timeout(TIMEOUT_MS));
  } finally {
    await nodes.close();
    await log.close();
  }
  const lines = [...nodes.topic.slots.values()].flatMap((slots) =>
    [...slots.values()].map(({ record: { node, slot, state, reasons } }) => {
      const why = reasons.length === 0 ? '' : `: ${reasonText(reasons)}`;
      return `${node}: slot ${slot} is ${state}${why}`;
    }),
  );
  return lines.toSorted((a, b) => (a < b ? -1 : 1));
}
