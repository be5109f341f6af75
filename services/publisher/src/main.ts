import type { Config } from '@slotcast/config';
import { publisherCommands, publishingOptions, serveNode } from '@slotcast/node';
import { createPublisherMetrics } from '@slotcast/observability';
import { createPublisher, Forgetting } from '@slotcast/publishing';

/** The publisher of a node: runs until it is stopped, then exits the process. */
export async function runPublisher(config: Config, version: string): Promise<void> {
  await serveNode(config, version, (context) => {
    const metrics = createPublisherMetrics(context);
    const forgetting = new Forgetting(context.node);
    const service = createPublisher(publishingOptions(context, metrics), undefined, forgetting);
    return { service, registry: metrics.registry, commands: publisherCommands(forgetting, config) };
  });
}
