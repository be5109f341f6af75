import { HandedOver, judgeClaim, ownedLogical, startOf, type TimelineHistory } from '@slotcast/domain';
import type { Logger } from '@slotcast/kernel';
import { type PostgresConnection, readWalEnd, type ServerIdentity } from '@slotcast/postgres';
import {
  awaitNodeName,
  NodeDirectory,
  type NodesReader,
  SlotsReader,
  type TopicsContext,
} from '@slotcast/topics';
import { tellAllUnknown } from './promotion-report.ts';

/** What a hand-off by a half that does not follow the topics goes by. */
export interface Settling {
  readonly server: ServerIdentity & { readonly history: TimelineHistory };
  /** Has replayed the nodes topic. */
  readonly nodes: NodesReader;
  /** With the server, for the lock of the node. */
  readonly connection: PostgresConnection;
}

/**
 * Whether the server is a promoted standby whose slots nobody has handed over: this process has seen the promotion, or the record of the node is still that of a standby; it is
 * not on record, and slots were published on an earlier timeline last. By the same rules as a publisher goes by before it hands over: false for a server that may not be
 * published, whose slots are told of, as nobody hands them over and subscribers may come all the same; and rejects with SC_DUPLICATE_NODE when another server is at work under the name of the node.
 */
export async function isLeftOver(
  { instance, topics, logger }: { instance: string; topics: TopicsContext; logger: Logger },
  { server, nodes, connection }: Settling,
  { node, seen, signal }: { readonly node: string; readonly seen: boolean; readonly signal: AbortSignal },
): Promise<boolean> {
  const { history } = server;
  const { timeline } = history;
  const directory = new NodeDirectory({ ...topics, node, reader: nodes });
  const { own: record } = directory;
  if (!(seen || record?.role === 'standby') || HandedOver.onRecord(record, startOf(history)) !== undefined) {
    return false;
  }
  const slots = new SlotsReader(topics);
  try {
    await slots.replay(signal);
    const { manifest } = slots;
    const { highestEpoch, last } = slots.topic;
    const claiming = { ...server, ...(await readWalEnd(connection, signal)), timeline, node };
    const verdict = judgeClaim({ manifest, last, highestEpoch, server: claiming, record, takeOver: false });
    if (verdict.kind === 'refuse') {
      logger.warn({ detail: verdict.message }, 'left the slots alone: this server may not be published');
      tellAllUnknown(ownedLogical(directory.ownership), logger);
      return false;
    }
    // By number alone, which tells nothing of a server that is refused: another one may have begun a timeline of the same number.
    if (HandedOver.noneNeeded(manifest, timeline) !== undefined) {
      return false;
    }
    const own = { node, instance, ...server };
    await awaitNodeName({ look: () => Promise.resolve({ own, manifest }), directory, logger, signal });
    if (!seen) {
      logger.warn(
        { timeline },
        'the server was promoted while no service of its node saw it: its slots are not handed over yet',
      );
    }
    return true;
  } finally {
    await slots.close();
  }
}
