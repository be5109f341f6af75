import type { Violation } from '../types.ts';
import { formatPosition } from './words.ts';

/** What the headers of a record on the slots topic say of its origin. */
export interface PublishedRecord {
  readonly node: string;
  readonly epoch: number;
  readonly timeline: number;
  readonly lsn: number;
}

/** What is known of the server beside a publisher. */
export interface TenureServer {
  /** A copy of another server, to which nobody was ever led. */
  readonly isCopy: boolean;
  /** Something was on record of it while it was a standby. */
  readonly isRecorded: boolean;
  readonly timeline: number;
  /** Since it was promoted; absent when it was not. */
  readonly promotedMs?: number | undefined;
}

/** A publisher that is at work is given so long before a promoted standby takes the topic over. */
const DEMOTION_WAIT_MS = 30_000;
/** A publisher that would tell that it is at work, and of which nothing was committed for so long, is taken for dead; less what clocks of two processes may differ. */
const SILENT_MS = 1900;

/**
 * I7: the topic is published by who the cluster's primary is. A copy of a server, which was made for a test, does not take it over when nothing is on record of it as a standby. One that was a standby is not told from any
 * other that is promoted: it takes the topic over when the publisher before is silent, or had its time. Nor does a server publish whose WAL ends before what was published of its own timeline, because its data
 * directory is an older one.
 */
export class TenureWatch {
  #epoch = 0;
  /** The furthest position that was published, by timeline. */
  readonly #published = new Map<number, number>();
  /** Who has published last. */
  #last: { readonly node: string; readonly at: number } | undefined;

  /** A record was committed. `isPrimary`: whether the server of a node is one. */
  take(
    record: PublishedRecord,
    server: TenureServer,
    now: number,
    isPrimary: (node: string) => boolean = () => true,
  ): Violation | undefined {
    const { node, epoch, timeline, lsn } = record;
    const published = this.#published.get(timeline) ?? 0;
    const isFirst = epoch > this.#epoch;
    const before = this.#last;
    this.#last = { node, at: now };
    this.#epoch = Math.max(this.#epoch, epoch);
    this.#published.set(timeline, Math.max(published, lsn));
    if (!isFirst) {
      return undefined;
    }
    if (server.isCopy && !server.isRecorded) {
      const text = `the publisher of ${node}, a copy of a server of which nothing is on record as a standby, took over the topic`;
      return { invariant: 'I7', at: now, text };
    }
    const isBeside = before !== undefined && before.node !== node && now - before.at < SILENT_MS;
    const hasWaited = (server.promotedMs ?? 0) >= DEMOTION_WAIT_MS;
    if (server.isCopy && isBeside && !hasWaited && isPrimary(before.node)) {
      const text = `the publisher of ${node}, a copy of a server to which nobody was led, took over the topic at once, although that of ${before.node} is at work`;
      return { invariant: 'I7', at: now, text };
    }
    if (server.timeline === timeline && lsn < published) {
      const text =
        `the publisher of ${node} took over the topic, although its WAL ends at ${formatPosition(lsn)} and ` +
        `${formatPosition(published)} was published of the same timeline`;
      return { invariant: 'I7', at: now, text };
    }
    return undefined;
  }
}
