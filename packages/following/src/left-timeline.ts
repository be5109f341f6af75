import { forgetBeyond, type NodeSlotStatus, type TimelineHistory } from '@slotcast/domain';
import type { LogWriter } from '@slotcast/event-log';
import type { NodeDirectory } from '@slotcast/topics';

/**
 * Once the server has gone over to another timeline, forgets what was recorded on the one before beyond the point where it left that. Committed
 * before this node's record names the new timeline, as that is what tells.
 */
export async function forgetLeftTimeline(options: {
  readonly directory: NodeDirectory;
  readonly writer: LogWriter;
  readonly history: TimelineHistory;
  readonly time: number;
}): Promise<void> {
  const { directory, writer, history, time } = options;
  const before = directory.own?.timeline;
  if (before === undefined || before === history.timeline) {
    return;
  }
  const slots = [...directory.written.values()].flatMap((status): NodeSlotStatus[] => {
    const ownership = status.ownership && forgetBeyond(status.ownership, before, history);
    return ownership === status.ownership ? [] : [{ ...status, ownership, time }];
  });
  await directory.write(writer, { slots, time });
}
