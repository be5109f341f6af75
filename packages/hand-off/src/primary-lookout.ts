import {
  findBranches,
  type Manifest,
  otherPrimaries,
  type Promotion,
  sameStart,
  startOf,
  type TimelineHistory,
  untoldSlots,
} from '@slotcast/domain';
import { errorText } from '@slotcast/kernel';
import { NodesReader, SlotsReader } from '@slotcast/topics';
import type { LookoutOptions } from './lookout-options.ts';
import { PromotionReport, tellAllUnknown } from './promotion-report.ts';

/** So long the publisher of the node has to claim the topic, which looks for other primaries itself, and later ones are heard sooner. */
const PATIENCE_MS = 3000;
const LOOK_MS = 1000;
const RETRY_MS = 5000;

/**
 * Listens, beside a promoted server whose slots are handed over, for other servers that act as primary, as long as no publisher of the node has claimed the topic: it does that itself, and may be dead. Where subscribers
 * went on at such a one, no fence bounds how far. Only tells of the slots; the publisher records it when it comes.
 */
export class PrimaryLookout {
  readonly #options: LookoutOptions;
  #failure: string | undefined;

  constructor(options: LookoutOptions) {
    this.#options = options;
  }

  /** Resolves when there is nothing to listen for any more, or the signal is aborted. Never rejects: the server is looked at beside it. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, isPublished, logger } = this.#options;
    for (let pauseMs = PATIENCE_MS; !signal.aborted; pauseMs = RETRY_MS) {
      try {
        await clock.sleep(pauseMs, signal);
        if (isPublished() || (await this.#listen(signal))) {
          return;
        }
      } catch (error) {
        const said = errorText(error);
        if (!signal.aborted && said !== this.#failure) {
          this.#failure = said;
          logger.warn({ error: said }, 'cannot listen whether other servers act as primary');
        }
      }
    }
  }

  /** False when the server's promotion is not on record yet. */
  async #listen(signal: AbortSignal): Promise<boolean> {
    const { node, topics, readServer, isPublished } = this.#options;
    const { history } = await readServer(signal);
    const start = startOf(history);
    if (start === undefined) {
      return true;
    }
    const nodes = new NodesReader(topics);
    const slots = new SlotsReader(topics);
    try {
      await Promise.all([nodes.replay(signal), slots.replay(signal)]);
      const { manifest: before } = slots;
      for (;;) {
        const promotion = nodes.nodes.get(node)?.promotion;
        if (promotion === undefined || !sameStart(promotion, start)) {
          return false;
        }
        if (isPublished() || isClaimed(slots.manifest, start.timeline)) {
          return true;
        }
        if (this.#tell(promotion, { nodes, slots, history, before })) {
          return true;
        }
        await slots.nextWithin(LOOK_MS, signal);
        await nodes.readToEnd(signal);
      }
    } finally {
      await Promise.allSettled([nodes.close(), slots.close()]);
    }
  }

  /** True when there was something to tell. What a former publisher had written before this process listened may be late. */
  #tell(
    promotion: Promotion,
    {
      nodes,
      slots,
      history,
      before,
    }: {
      readonly nodes: NodesReader;
      readonly slots: SlotsReader;
      readonly history: TimelineHistory;
      readonly before: Manifest | undefined;
    },
  ): boolean {
    const { node, logger } = this.#options;
    const { manifest } = slots;
    const survivor = manifest !== before && manifest?.node !== node ? manifest : undefined;
    const others = otherPrimaries(node, nodes.nodes.values(), nodes.silentMs());
    const branches = findBranches(history, others);
    if (survivor === undefined && branches.length === 0) {
      return false;
    }
    const untold = untoldSlots(
      promotion,
      [...slots.topic.newest.values()].map(({ record }) => record),
    );
    if (untold.length > 0) {
      new PromotionReport(promotion, logger).tellOpenEnd({ isUnseen: false, survivor, branches });
      tellAllUnknown(untold, logger);
    }
    return true;
  }
}

/** The topic is published of the server's timeline, or of a later one. */
function isClaimed(manifest: Manifest | undefined, timeline: number): boolean {
  return manifest !== undefined && manifest.timeline >= timeline;
}
