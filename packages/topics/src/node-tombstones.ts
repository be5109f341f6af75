import type { NewRecord } from '@slotcast/event-log';
import { NodesReader } from './nodes-reader.ts';
import type { TopicsContext } from './topics-context.ts';

/**
 * The records that take a node out of the nodes topic: a tombstone for it and one for each of its slots. The one for the node hides what it had said of its slots
 * only until compaction takes it, which a record of the next server of that name is enough for. Reads the topic anew; rejects as `replayTopic` and
 * `readToWrittenEnd` do.
 */
export async function nodeTombstones(
  context: TopicsContext,
  { node, time, signal }: { readonly node: string; readonly time: number; readonly signal: AbortSignal },
): Promise<readonly NewRecord[]> {
  const { codec, nodesTopic: topic } = context;
  // Whoever asks has read the topic already, and told what is wrong with it.
  const reader = new NodesReader({ ...context, onUnusable: () => undefined }, { slotsOf: node });
  try {
    await reader.replay(signal);
    await reader.readToWrittenEnd(signal);
    const slots = [...(reader.topic.slots.get(node)?.keys() ?? [])];
    return [...slots, undefined].map((slot) => ({ topic, ...codec.encodeTombstone({ node, slot, time }) }));
  } finally {
    await reader.close();
  }
}
