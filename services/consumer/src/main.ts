import type { Config } from '@slotcast/config';
import { createConsumer } from '@slotcast/following';
import { consumerCommands, followingOptions, serveNode } from '@slotcast/node';
import { createConsumerMetrics } from '@slotcast/observability';

/** The consumer of a node: runs until it is stopped, then exits the process. */
export async function runConsumer(config: Config, version: string): Promise<void> {
  await serveNode(config, version, (context) => {
    const metrics = createConsumerMetrics(context);
    const service = createConsumer(followingOptions(context, metrics));
    return { service, registry: metrics.registry, commands: consumerCommands(service.control, config) };
  });
}
