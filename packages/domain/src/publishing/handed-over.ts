import type { Timeline } from '../vocabulary/identity.ts';
import type { NodeStatus } from '../vocabulary/node-status.ts';
import type { Promotion } from '../vocabulary/promotion-record.ts';
import type { Manifest } from '../vocabulary/slot-event.ts';

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

  /** `own` is the newest record of the server's node; `undefined` when it tells of no hand-off of a promotion to this timeline. */
  static onRecord(
    own: Pick<NodeStatus, 'promotion'> | undefined,
    timeline: Timeline,
  ): HandedOver | undefined {
    const promotion = own?.promotion;
    return promotion?.timeline === timeline ? new HandedOver(timeline, promotion) : undefined;
  }

  /** `undefined` when slots were published on an earlier timeline last: the server was promoted since then. */
  static noneNeeded(manifest: Manifest | undefined, timeline: Timeline): HandedOver | undefined {
    return isNoneNeeded(manifest, timeline) ? new HandedOver(timeline, undefined) : undefined;
  }

  /** Whether it counts for a server on this timeline, with a manifest that may have come after it was made. */
  holds(manifest: Manifest | undefined, timeline: Timeline): boolean {
    return this.#timeline === timeline && (this.promotion !== undefined || isNoneNeeded(manifest, timeline));
  }
}

function isNoneNeeded(manifest: Manifest | undefined, timeline: Timeline): boolean {
  return manifest === undefined || manifest.timeline >= timeline;
}
