import { HandedOver, judgeClaim, type Timeline } from '@slotcast/domain';
import type { Logger } from '@slotcast/kernel';
import type { PostgresConnection, PostgresOptions, ServerIdentity } from '@slotcast/postgres';
import {
  awaitNodeName,
  NodeDirectory,
  type NodesReader,
  SlotsReader,
  type TopicsContext,
} from '@slotcast/topics';
import { readOwnHistory } from './own-history.ts';

/** What a hand-off by a half that does not follow the topics goes by. */
export interface Settling {
  readonly server: ServerIdentity & { readonly timeline: Timeline };
  /** Has replayed the nodes topic. */
  readonly nodes: NodesReader;
  /** With the server, for the lock of the node. */
  readonly connection: PostgresConnection;
}

/**
 * Whether the server is a promoted standby whose slots nobody has handed over: the record of its node is still that of a standby, and slots were published on an
 * earlier timeline last. By the same rules as a publisher goes by before it hands over: false for a server that may not be published, and rejects with
 * SC_DUPLICATE_NODE when another server is at work under the name of the node.
 */
export async function isOverlooked(
  { instance, topics, logger }: { instance: string; topics: TopicsContext; logger: Logger },
  { server, nodes }: Settling,
  options: { readonly node: string; readonly postgres: PostgresOptions; readonly signal: AbortSignal },
): Promise<boolean> {
  const { node, signal } = options;
  const { timeline } = server;
  const directory = new NodeDirectory({ ...topics, node, reader: nodes });
  if (directory.own?.role !== 'standby' || HandedOver.onRecord(directory.own, timeline) !== undefined) {
    return false;
  }
  const history = await readOwnHistory(server, { ...options, ended: undefined, logger });
  const slots = new SlotsReader(topics);
  try {
    await slots.replay(signal);
    const { manifest } = slots;
    if (HandedOver.noneNeeded(manifest, timeline) !== undefined) {
      return false;
    }
    const { highestEpoch } = slots.topic;
    const claiming = { ...server, history, node };
    const verdict = judgeClaim({ manifest, highestEpoch, server: claiming, takeOver: false });
    if (verdict.kind === 'refuse') {
      logger.warn({ detail: verdict.message }, 'left the slots alone: this server may not be published');
      return false;
    }
    const own = { node, instance, ...server };
    await awaitNodeName({ look: () => Promise.resolve({ own, manifest }), directory, logger, signal });
    logger.warn(
      { timeline },
      'the server was promoted while no service of its node saw it: its slots are not handed over yet',
    );
    return true;
  } finally {
    await slots.close();
  }
}
