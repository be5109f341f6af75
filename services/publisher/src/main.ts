import type { Config } from '@slotcast/config';
import { publishingOptions, serveNode } from '@slotcast/node';
import { createPublisherMetrics } from '@slotcast/observability';
import { createPublisher } from '@slotcast/publishing';

/** The publisher of a node: runs until it is stopped, then exits the process. */
export async function runPublisher(config: Config, version: string): Promise<void> {
  await serveNode(config, version, (context) => {
    const metrics = createPublisherMetrics(context);
    const service = createPublisher(publishingOptions(context, metrics));
    return { service, registry: metrics.registry };
  });
}
