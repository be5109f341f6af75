import {
  judgeNodeName,
  type Manifest,
  type NodeNameLimits,
  type NodeServer,
  nodeNameLimits,
} from '@slotcast/domain';
import { Deadline, type Logger, SlotcastError } from '@slotcast/kernel';
import type { NodeDirectory } from './node-directory.ts';

/** What a name is judged by besides the records of the nodes topic. */
export interface NodeNameClaimant {
  readonly own: NodeServer;
  /** The newest one of the slots topic. */
  readonly manifest: Manifest | undefined;
}

export interface NodeNameOptions {
  /** Asked again while it is listened: a standby may connect to its upstream, and another publisher take the topic. */
  readonly look: () => Promise<NodeNameClaimant>;
  /** Its reader has replayed the nodes topic. */
  readonly directory: NodeDirectory;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly limits?: NodeNameLimits;
}

/** How long it is listened between two looks. */
const LOOK_MS = 1000;

/**
 * Resolves when nothing speaks against writing as this node, which fences whoever does so now. Where another server may have the name it
 * listens whether anybody is at work there. Rejects with SC_DUPLICATE_NODE when so, or with the signal's reason.
 */
export async function awaitNodeName(options: NodeNameOptions): Promise<void> {
  const { look, directory, logger, signal, limits = nodeNameLimits } = options;
  const { reader, node } = directory;
  if (reader.behindNewestMs(node) >= limits.silentMs) {
    // Behind the open transaction of one node may be what another server writes under this name.
    await reader.readToWrittenEnd(signal);
  }
  let heard = 0;
  let listenedMs = 0;
  for (let told = false; ; told = true) {
    const verdict = judgeNodeName({
      ...(await look()),
      record: directory.own,
      silentMs: reader.behindNewestMs(node),
      heard,
      limits,
    });
    if (verdict.kind === 'taken') {
      throw new SlotcastError('SC_DUPLICATE_NODE', verdict.message);
    }
    if (verdict.kind === 'ours' || listenedMs >= verdict.forMs) {
      return;
    }
    if (!told) {
      logger.info(
        { forMs: verdict.forMs },
        "this node's last record is of a server that was started at another time: listening whether it is at work",
      );
    }
    const ms = Math.min(LOOK_MS, verdict.forMs - listenedMs);
    if (await hearsOwnName(options, ms)) {
      heard += 1;
      listenedMs = 0;
    } else {
      listenedMs += ms;
    }
  }
}

/** True as soon as another record of this node arrives, false when none does in that time. */
async function hearsOwnName({ directory, signal }: NodeNameOptions, ms: number): Promise<boolean> {
  const before = directory.own;
  using deadline = new Deadline(signal, ms);
  try {
    while (directory.own === before) {
      await directory.reader.next(deadline.signal);
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
