import { findRivals, type SystemIdentifier, type TimelineHistory } from '@slotcast/domain';
import type { Logger } from '@slotcast/kernel';
import type { PublisherMetrics } from '@slotcast/observability';
import type { NodesReader } from '@slotcast/topics';

/** Other servers that act as primary, as far as this publisher knows. */
export class Rivals {
  readonly #metrics: PublisherMetrics;
  readonly #logger: Logger;
  readonly #told = new Set<string>();
  /** The node that the topic is taken over from, while its publisher is at work. */
  #overtaken: string | undefined;

  constructor({ metrics, logger }: { readonly metrics: PublisherMetrics; readonly logger: Logger }) {
    this.#metrics = metrics;
    this.#logger = logger;
  }

  /** Takes note of the node whose publisher is at work beside a former primary, or that there is none. */
  overtakes(node: string | undefined): void {
    this.#overtaken = node;
    this.#metrics.rivalPrimaries.set(node === undefined ? 0 : 1);
  }

  /** True when another server was promoted, whose publisher is about to take the topic over: it is to know that this one is at work. */
  heard(
    nodes: NodesReader,
    own: {
      readonly node: string;
      readonly systemIdentifier: SystemIdentifier;
      readonly history: TimelineHistory;
    },
  ): boolean {
    const { node, systemIdentifier, history } = own;
    const { timeline } = history;
    const silentMs = nodes.silentMs();
    const records = [...nodes.nodes].map(([name, record]) => ({ record, silentMs: silentMs.get(name) ?? 0 }));
    const rivals = findRivals({ node, systemIdentifier, timeline }, records);
    if (this.#overtaken !== undefined && nodes.nodes.get(this.#overtaken)?.role === 'standby') {
      this.#overtaken = undefined;
    }
    this.#metrics.rivalPrimaries.set(rivals.length + (this.#overtaken === undefined ? 0 : 1));
    for (const rival of rivals) {
      const key = `${rival.node} ${rival.timeline}`;
      if (!this.#told.has(key)) {
        this.#told.add(key);
        this.#logger.error(
          { code: 'SC_SPLIT_BRAIN', rival: rival.node, timeline: rival.timeline, own: timeline },
          'two servers act as primary: that of another node was promoted, and its publisher is about to take the topic over. One of the two may be a copy, as for a test: a person has to decide which is the primary, and neither is to be destroyed before that',
        );
      }
    }
    return rivals.length > 0;
  }
}
