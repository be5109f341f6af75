import { forgetBeyond, type NodeSlotStatus, partingOf, type TimelineHistory } from '@slotcast/domain';
import type { LogWriter } from '@slotcast/event-log';
import type { NodeDirectory } from '@slotcast/topics';

/**
 * Once the server has gone over to another timeline, forgets what was recorded on the one before beyond the point where it left that. Committed
 * before this node's record names the new timeline, as that is what tells. The same beyond the point where its line parts from that of the topic: the server may come back to a timeline of
 * the same number, and the number of that tells nothing then.
 */
export async function forgetLeftTimeline(options: {
  readonly directory: NodeDirectory;
  readonly writer: LogWriter;
  readonly history: TimelineHistory;
  /** Of the newest manifest. */
  readonly published: TimelineHistory | undefined;
  readonly time: number;
}): Promise<void> {
  const { directory, writer, history, published, time } = options;
  const before = directory.own?.timeline;
  const isParted = partingOf(history, published) !== undefined;
  if (before === undefined || (before === history.timeline && !isParted)) {
    return;
  }
  const slots = [...directory.written.values()].flatMap((status): NodeSlotStatus[] => {
    const ownership = status.ownership && forgetBeyond(status.ownership, before, history, published);
    return ownership === status.ownership ? [] : [{ ...status, ownership, time }];
  });
  if (slots.length > 0) {
    await directory.write(writer, { slots, time });
  }
}
