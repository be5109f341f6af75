import { judgeNodeName, type Manifest, type NodeNameLimits, type NodeServer } from '@slotcast/domain';
import type { LogReader } from '@slotcast/event-log';
import { Deadline, type Logger, SlotcastError } from '@slotcast/runtime';
import type { NodeDirectory } from './node-directory.ts';

export interface NodeNameOptions {
  readonly own: NodeServer;
  /** Stands at the end of the nodes topic, all of which the directory has taken. */
  readonly reader: LogReader;
  readonly directory: NodeDirectory;
  /** The newest one of the slots topic. */
  readonly manifest: Manifest | undefined;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly limits?: NodeNameLimits;
}

/**
 * Resolves when nothing speaks against writing as this node, which fences whoever does so now. Where another server may have the name it
 * listens whether anybody is at work there. Rejects with SC_DUPLICATE_NODE when so, or with the signal's reason.
 */
export async function awaitNodeName(options: NodeNameOptions): Promise<void> {
  const { own, directory, manifest, logger, limits } = options;
  for (let heard = 0; ; heard += 1) {
    const verdict = judgeNodeName({
      own,
      record: directory.own,
      silentMs: directory.ownSilenceMs,
      heard,
      manifest,
      ...(limits === undefined ? {} : { limits }),
    });
    if (verdict.kind === 'ours') {
      return;
    }
    if (verdict.kind === 'taken') {
      throw new SlotcastError('SC_DUPLICATE_NODE', verdict.message);
    }
    if (heard === 0) {
      logger.info(
        { forMs: verdict.forMs },
        "this node's last record is of a server that was started at another time: listening whether it is at work",
      );
    }
    if (!(await hearsOwnName(options, verdict.forMs))) {
      return;
    }
  }
}

/** True as soon as another record of this node arrives, false when none does in that time. */
async function hearsOwnName(options: NodeNameOptions, ms: number): Promise<boolean> {
  const { directory, reader, signal } = options;
  const before = directory.own;
  using deadline = new Deadline(signal, ms);
  try {
    while (directory.own === before) {
      const batch = await reader.next(deadline.signal);
      await directory.take(batch.records, false);
    }
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (!deadline.expired) {
      throw error;
    }
    return false;
  }
}
