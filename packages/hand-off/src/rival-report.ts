import {
  CANARY_SLOT,
  isOwnWorkingSlot,
  type RivalPrimary,
  type SlotName,
  type Timeline,
} from '@slotcast/domain';
import type { Logger } from '@slotcast/kernel';
import { tellAllUnknown } from './promotion-report.ts';

/**
 * Tells of servers that were promoted beside this primary, of each promotion once, and then of the slots here: their subscribers may have gone on at the other one, and whoever leads
 * them back to this server leads them past what is committed here.
 */
export class RivalReport {
  readonly #logger: Logger;
  readonly #told = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  tell(
    rivals: readonly RivalPrimary[],
    own: { readonly timeline: Timeline; readonly slots: Iterable<SlotName> },
  ): void {
    const news = rivals.filter((rival) => !this.#told.has(keyOf(rival)));
    for (const rival of news) {
      this.#told.add(keyOf(rival));
      this.#logger.error(
        { code: 'SC_SPLIT_BRAIN', rival: rival.node, timeline: rival.timeline, own: own.timeline },
        'two servers act as primary: that of another node was promoted, and its publisher is about to take the topic over. One of the two may be a copy, as for a test: a person has to decide which is the primary, and neither is to be destroyed before that',
      );
    }
    if (news.length > 0) {
      const used = [...own.slots].filter((slot) => slot !== CANARY_SLOT && !isOwnWorkingSlot(slot));
      tellAllUnknown(used, this.#logger, 'warn');
    }
  }
}

function keyOf({ node, timeline }: RivalPrimary): string {
  return `${node} ${timeline}`;
}
