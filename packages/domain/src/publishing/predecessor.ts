import type { Timeline } from '../vocabulary/identity.ts';
import type { NodeStatus } from '../vocabulary/node-status.ts';
import { LATE_MS, RIVAL_LATE_MS, RIVAL_LIFETIME_MS } from '../vocabulary/protocol-timings.ts';
import type { Manifest } from '../vocabulary/slot-event.ts';

/**
 * What a promoted server's publisher does about the one that published before it. `gone`: nothing is heard of that one, or its server is a standby by now.
 * `listen`: it may be at work, which shows within that time. `at_work`: it is, and has been given all the time that it gets.
 */
export type PredecessorVerdict =
  | { readonly kind: 'gone' }
  | { readonly kind: 'listen'; readonly forMs: number; readonly isHeard: boolean }
  | { readonly kind: 'at_work' };

/**
 * Judges it. A publisher that hears of the promotion of another server tells every second that it is at work, so silence shows soon. Two servers are primaries while it does: the other one may be about to
 * be demoted, or cut off from those who promoted this one; or this one is a copy that was promoted for a test.
 */
export function judgePredecessor(input: {
  readonly manifest: Manifest | undefined;
  readonly own: { readonly node: string; readonly timeline: Timeline };
  /** The newest record of the node that published last. */
  readonly record: NodeStatus | undefined;
  /** How much later than the manifest the newest record of either topic was stored, by the clock of the brokers. */
  readonly behindNewestMs: number;
  readonly listenedMs: number;
  /** Since a record of a publisher arrived while it was listened; absent when none has. */
  readonly heardMs: number | undefined;
  readonly patienceMs: number;
}): PredecessorVerdict {
  const { manifest, own, record, behindNewestMs, listenedMs, heardMs, patienceMs } = input;
  const isPromotion = manifest !== undefined && manifest.timeline < own.timeline;
  if (!isPromotion || manifest.node === own.node || record?.role === 'standby') {
    return { kind: 'gone' };
  }
  if (heardMs === undefined && behindNewestMs >= LATE_MS) {
    return { kind: 'gone' };
  }
  const silentMs = heardMs ?? listenedMs;
  if (silentMs >= RIVAL_LATE_MS) {
    return { kind: 'gone' };
  }
  const isHeard = heardMs !== undefined;
  if (listenedMs >= patienceMs) {
    return { kind: isHeard ? 'at_work' : 'gone' };
  }
  return { kind: 'listen', forMs: Math.min(RIVAL_LATE_MS - silentMs, patienceMs - listenedMs), isHeard };
}

/** A node whose server was promoted while another one publishes. */
export interface RivalPrimary {
  readonly node: string;
  readonly timeline: Timeline;
}

/**
 * The nodes that have said within the last minute that their servers are primaries of a later timeline than this publisher's. Their publishers take the topic over, unless they are
 * refused.
 */
export function findRivals(
  own: Pick<NodeStatus, 'node' | 'systemIdentifier' | 'timeline'>,
  nodes: Iterable<{ readonly record: NodeStatus; readonly silentMs: number }>,
): readonly RivalPrimary[] {
  return [...nodes].flatMap(({ record, silentMs }) => {
    const { node, role, promotion, systemIdentifier } = record;
    const isRival =
      node !== own.node &&
      role === 'primary' &&
      systemIdentifier === own.systemIdentifier &&
      promotion !== undefined &&
      promotion.timeline > own.timeline &&
      silentMs <= RIVAL_LIFETIME_MS;
    return isRival ? [{ node, timeline: promotion.timeline }] : [];
  });
}
