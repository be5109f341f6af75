import type { ConsumerOptions } from '@slotcast/following';
import type { ConsumerMetrics, PublisherMetrics } from '@slotcast/observability';
import type { PostgresOptions } from '@slotcast/postgres';
import type { PublisherOptions } from '@slotcast/publishing';

/** What is made for each half by itself. */
type OwnOfHalf = 'metrics' | 'postgres';

/** All that the halves of a node have in common: names, rules, and what they work with. Made once per process. */
export interface NodeContext extends Omit<PublisherOptions & ConsumerOptions, OwnOfHalf> {
  /** `undefined` when the `PG*` variables say where the server is. */
  readonly postgresUrl: string | undefined;
}

/** What the publisher of this node is made of. */
export function publishingOptions(context: NodeContext, metrics: PublisherMetrics): PublisherOptions {
  return { ...context, postgres: postgresOf(context, 'slotcast-publisher'), metrics };
}

/** What the consumer of this node is made of. */
export function followingOptions(context: NodeContext, metrics: ConsumerMetrics): ConsumerOptions {
  return { ...context, postgres: postgresOf(context, 'slotcast-consumer'), metrics };
}

/** Each half ends the sessions that an earlier one left, which it knows by their name: so the names differ. */
function postgresOf({ postgresUrl: url }: NodeContext, applicationName: string): PostgresOptions {
  return { url, applicationName };
}
