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
  readonly timeline: number;
  /** Since it was promoted; absent when it was not. */
  readonly promotedMs?: number | undefined;
}

/** A copy whose consumer ran is on record as a standby: it takes the topic over once its promotion was told of for so long. */
const DEMOTION_WAIT_MS = 30_000;

/**
 * I7: the topic is published by who the cluster's primary is. A copy of a server, which was made for a test, does not take it over before a person had time to see to it; nor does a server
 * whose WAL ends before what was published of its own timeline, because its data directory is an older one.
 */
export class TenureWatch {
  #epoch = 0;
  /** The furthest position that was published, by timeline. */
  readonly #published = new Map<number, number>();

  /** A record was committed. */
  take(record: PublishedRecord, server: TenureServer, now: number): Violation | undefined {
    const { node, epoch, timeline, lsn } = record;
    const published = this.#published.get(timeline) ?? 0;
    const isFirst = epoch > this.#epoch;
    this.#epoch = Math.max(this.#epoch, epoch);
    this.#published.set(timeline, Math.max(published, lsn));
    if (!isFirst) {
      return undefined;
    }
    if (server.isCopy && (server.promotedMs ?? 0) < DEMOTION_WAIT_MS) {
      const text = `the publisher of ${node}, a copy of a server to which nobody was led, took over the topic at once`;
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
