import type { Config } from '@slotcast/config';
import { createConsumer } from '@slotcast/following';
import { Promotion } from '@slotcast/hand-off';
import {
  BothHalves,
  consumerCommands,
  followingOptions,
  type NodeContext,
  publisherCommands,
  publishingOptions,
  serveNode,
  untilRejoined,
} from '@slotcast/node';
import { createConsumerMetrics, createProcessMetrics, createPublisherMetrics } from '@slotcast/observability';
import { createPublisher, Forgetting } from '@slotcast/publishing';

/** Publisher and consumer of a node in one process: runs until it is stopped, then exits the process. */
export async function runWholeNode(config: Config, version: string): Promise<void> {
  await serveNode(config, version, (context) => {
    const common = createProcessMetrics('node', context);
    const ofPublisher = contextOf('publisher', context);
    const ofConsumer = contextOf('consumer', context);
    const publisherMetrics = createPublisherMetrics(context, common);
    const following = followingOptions(ofConsumer, createConsumerMetrics(context, common));
    const promotion = new Promotion({ ...following, logger: context.logger });
    const consumer = createConsumer(following, promotion);
    const forgetting = new Forgetting(context.node);
    const service = new BothHalves([
      {
        name: 'publisher',
        make: () => createPublisher(publishingOptions(ofPublisher, publisherMetrics), promotion, forgetting),
        untilFit: (refusal, signal) => untilRejoined(ofPublisher, refusal, signal),
        logger: ofPublisher.logger,
      },
      {
        name: 'consumer',
        make: () => consumer,
        untilFit: () => Promise.resolve(false),
        logger: ofConsumer.logger,
      },
    ]);
    const commands = new Map([
      ...consumerCommands(consumer.control, config),
      ...publisherCommands(forgetting, config),
    ]);
    return { service, registry: common.registry, commands };
  });
}

/** Both write into one log; each line says whose it is. */
function contextOf(half: 'publisher' | 'consumer', context: NodeContext): NodeContext {
  return { ...context, logger: context.logger.child({ half }) };
}
