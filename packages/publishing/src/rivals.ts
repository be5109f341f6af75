import { findRivals } from '@slotcast/domain';
import { RivalReport } from '@slotcast/hand-off';
import type { Logger } from '@slotcast/kernel';
import type { PublisherMetrics } from '@slotcast/observability';
import type { NodesReader } from '@slotcast/topics';
import type { Tenure } from './tenure.ts';

/** Other servers that act as primary, as far as this publisher knows. */
export class Rivals {
  readonly #metrics: PublisherMetrics;
  readonly #report: RivalReport;
  /** The node that the topic is taken over from, while its publisher is at work. */
  #overtaken: string | undefined;

  constructor({ metrics, logger }: { readonly metrics: PublisherMetrics; readonly logger: Logger }) {
    this.#metrics = metrics;
    this.#report = new RivalReport(logger);
  }

  /** Takes note of the node whose publisher is at work beside a former primary, or that there is none. */
  overtakes(node: string | undefined): void {
    this.#overtaken = node;
    this.#metrics.rivalPrimaries.set(node === undefined ? 0 : 1);
  }

  /** True when another server was promoted, whose publisher is about to take the topic over: it is to know that this one is at work. */
  heard(nodes: NodesReader, tenure: Tenure): boolean {
    const { node, systemIdentifier, history } = tenure.facts;
    const { timeline } = history;
    const silentMs = nodes.silentMs();
    const records = [...nodes.nodes].map(([name, record]) => ({ record, silentMs: silentMs.get(name) ?? 0 }));
    const rivals = findRivals({ node, systemIdentifier, timeline }, records);
    if (this.#overtaken !== undefined && nodes.nodes.get(this.#overtaken)?.role === 'standby') {
      this.#overtaken = undefined;
    }
    this.#metrics.rivalPrimaries.set(rivals.length + (this.#overtaken === undefined ? 0 : 1));
    if (rivals.length === 0) {
      return false;
    }
    this.#report.tell(rivals, { timeline, slots: tenure.slotsHere });
    return true;
  }
}
