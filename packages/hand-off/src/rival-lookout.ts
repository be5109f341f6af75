import { findRivals, ownedLogical, RIVAL_LATE_MS, type RivalPrimary } from '@slotcast/domain';
import { errorText } from '@slotcast/kernel';
import { NodeDirectory, NodesReader } from '@slotcast/topics';
import type { LookoutOptions, OwnPrimary } from './lookout-options.ts';
import { RivalReport } from './rival-report.ts';

const LOOK_MS = 1000;
const RETRY_MS = 5000;
const WORTH_A_WARNING = 2;

/**
 * Listens, beside a primary, for servers that are promoted beside it, where the publisher of the node may be dead or held up: one that is at work answers a promotion twice a
 * second, and tells of the slots itself. Only tells.
 */
export class RivalLookout {
  readonly #options: LookoutOptions;
  readonly #report: RivalReport;
  /** When others were seen first that the publisher has not answered since, by the monotonic clock. */
  #unansweredSince: number | undefined;
  /** In a row. */
  #failures = 0;

  constructor(options: LookoutOptions) {
    this.#options = options;
    this.#report = new RivalReport(options.logger);
  }

  /** Resolves when the signal is aborted. Never rejects: the server is looked at beside it. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#listen(signal);
      } catch (error) {
        this.#failures += 1;
        // One alone is as good as none: the server may be on its way to become a standby.
        if (!signal.aborted && this.#failures === WORTH_A_WARNING) {
          logger.warn({ error: errorText(error) }, 'cannot listen whether other servers act as primary');
        }
        await clock.sleep(RETRY_MS, signal).catch(() => undefined);
      }
    }
  }

  async #listen(signal: AbortSignal): Promise<never> {
    const { node, topics, readServer } = this.#options;
    const server = await readServer(signal);
    const nodes = new NodesReader(topics, { slotsOf: node });
    const directory = new NodeDirectory({ ...topics, node, reader: nodes });
    try {
      await nodes.replay(signal);
      this.#failures = 0;
      for (;;) {
        this.#look(nodes, directory, server);
        await nodes.nextWithin(LOOK_MS, signal);
      }
    } finally {
      await nodes.close();
    }
  }

  #look(nodes: NodesReader, { node, own, ownership }: NodeDirectory, server: OwnPrimary): void {
    const { clock, isPublished } = this.#options;
    const { timeline } = server.history;
    const silentMs = nodes.silentMs();
    const known = [...nodes.nodes].map(([name, record]) => ({ record, silentMs: silentMs.get(name) ?? 0 }));
    const rivals: readonly RivalPrimary[] = isPublished()
      ? []
      : findRivals({ ...server, node, timeline }, known);
    if (rivals.length === 0 || own?.role !== 'primary') {
      this.#unansweredSince = undefined;
      return;
    }
    const now = clock.monotonicMs();
    this.#unansweredSince ??= now;
    const answeredAt = now - (silentMs.get(node) ?? 0);
    if (now - Math.max(this.#unansweredSince, answeredAt) >= RIVAL_LATE_MS) {
      this.#report.tell(rivals, { timeline, slots: ownedLogical(ownership) });
    }
  }
}
