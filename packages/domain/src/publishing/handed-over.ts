import type { Timeline } from '../vocabulary/identity.ts';
import type { NodeStatus } from '../vocabulary/node-status.ts';
import type { Promotion } from '../vocabulary/promotion-record.ts';
import type { Manifest } from '../vocabulary/slot-event.ts';
import {
  sameStart,
  startOf,
  type TimelineHistory,
  type TimelineStart,
} from '../vocabulary/timeline-history.ts';

/**
 * What a publisher has to have before it claims the topic: the slots of its server are handed over for the timeline that it writes, or
 * need not be. Only these two ways make one, so that nobody claims by forgetting to ask.
 */
export class HandedOver {
  /** The promotion on record; absent when there is none, and none was needed. */
  readonly promotion: Promotion | undefined;
  readonly #timeline: Timeline;

  private constructor(timeline: Timeline, promotion: Promotion | undefined) {
    this.#timeline = timeline;
    this.promotion = promotion;
  }

  /**
   * `own` is the newest record of the server's node; `undefined` when it tells of no hand-off of the promotion that began the server's timeline. A server that was cloned anew
   * and promoted to the same number finds the record of what it was before.
   */
  static onRecord(
    own: Pick<NodeStatus, 'promotion'> | undefined,
    start: TimelineStart | undefined,
  ): HandedOver | undefined {
    const promotion = own?.promotion;
    return promotion !== undefined && sameStart(promotion, start)
      ? new HandedOver(promotion.timeline, promotion)
      : undefined;
  }

  /** `undefined` when slots were published on an earlier timeline last: the server was promoted since then. */
  static noneNeeded(manifest: Manifest | undefined, timeline: Timeline): HandedOver | undefined {
    return isNoneNeeded(manifest, timeline) ? new HandedOver(timeline, undefined) : undefined;
  }

  /** Whether it counts for a server with this history, with a manifest that may have come after it was made. */
  holds(manifest: Manifest | undefined, history: TimelineHistory): boolean {
    return this.promotion === undefined
      ? this.#timeline === history.timeline && isNoneNeeded(manifest, history.timeline)
      : sameStart(this.promotion, startOf(history));
  }
}

function isNoneNeeded(manifest: Manifest | undefined, timeline: Timeline): boolean {
  return manifest === undefined || manifest.timeline >= timeline;
}
