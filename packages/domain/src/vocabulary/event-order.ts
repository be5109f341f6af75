import { formatLsn } from './lsn.ts';
import type { EventOrigin } from './slot-event.ts';

/** Compares by `(timeline, epoch, seq)`: negative when `a` comes first. */
export function compareOrder(a: EventOrigin, b: EventOrigin): number {
  return a.timeline - b.timeline || a.epoch - b.epoch || a.seq - b.seq;
}

export function describeOrigin(event: EventOrigin): string {
  return `event (timeline ${event.timeline}, epoch ${event.epoch}, seq ${event.seq}) at ${formatLsn(event.lsn)} of node ${event.node}`;
}
