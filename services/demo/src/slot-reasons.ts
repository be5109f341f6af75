import { reasonText } from '@slotcast/domain';
import { createKafkaLog, replayTopic } from '@slotcast/event-log';
import { createCodec } from '@slotcast/event-schema';
import type { Stage } from './stage.ts';

const TIMEOUT_MS = 10_000;

/** What the consumers wrote into the nodes topic about each slot that is not ready, a line each. */
export async function readSlotReasons(stage: Pick<Stage, 'settings' | 'topics'>): Promise<readonly string[]> {
  const codec = createCodec();
  const log = createKafkaLog({
    brokers: [stage.settings.kafkaBootstrapServers],
    clientId: 'slotcast-demo',
    // The topic is read to explain a failure; what kafkajs has to say on the way would only bury it.
    logger: () => undefined,
  });
  const lines = new Map<string, string>();
  try {
    const reader = await replayTopic({
      log,
      topic: stage.topics.nodes,
      onRecords: async (records) => {
        for (const record of records) {
          const status = await codec.decodeNodesRecord(record);
          if (status.kind === 'node_slot') {
            const { node, slot, state, reasons } = status;
            lines.set(
              `${node}/${slot}`,
              `${node}: slot ${slot} is ${state}${reasons.length === 0 ? '' : `: ${reasonText(reasons)}`}`,
            );
          }
        }
      },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await reader.close();
  } finally {
    await log.close();
  }
  return [...lines.values()].toSorted((a, b) => (a < b ? -1 : 1));
}
