import { NextRecords, type ReplayPoint, type SlotsRecord, type TopicReading } from '@slotcast/domain';
import type { SlotsFeed } from './slots-feed.ts';
import { SlotsReader } from './slots-reader.ts';
import type { TopicsContext } from './topics-context.ts';

/** By this setting of the topic no record is compacted away that is younger. */
const HISTORY_WINDOW = 'min.compaction.lag.ms';

/**
 * What the slots topic says as of a point, from a feed that was replayed. The topic is read once more for what follows the records that were found, from which it is
 * told whether compaction may have removed one between. Rejects as `replayTopic` does.
 */
export async function readAsOf(
  feed: SlotsFeed,
  point: ReplayPoint,
  { context, signal }: { readonly context: TopicsContext; readonly signal: AbortSignal },
): Promise<TopicReading> {
  const settled = feed.settle(point);
  const { manifest } = settled;
  const found: readonly SlotsRecord[] = [...settled.desired.values(), ...(manifest ? [manifest] : [])];
  const next = new NextRecords(found);
  const again = new SlotsReader({ ...context, onUnusable: () => undefined }, (records) => next.take(records));
  try {
    await again.replay(signal);
  } finally {
    await again.close();
  }
  const newest = feed.reader.newestEvents;
  const compactedBefore = await historyBegin(context);
  return { settled, newest, newestManifest: feed.newestManifest, next, compactedBefore };
}

/** Since when all records are there, by the brokers' clock. A topic that does not tell may have been compacted up to now. */
async function historyBegin({ log, slotsTopic, silence }: TopicsContext): Promise<number> {
  const topic = await log.describeTopic(slotsTopic);
  const windowMs = Number(topic?.config.get(HISTORY_WINDOW) ?? 0);
  const { wallMs, newestAt } = silence.clocks;
  return Math.max(wallMs, newestAt) - (Number.isFinite(windowMs) ? windowMs : 0);
}
