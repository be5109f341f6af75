import { reason } from '../reasons/reason.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import { LATE_MS } from '../vocabulary/protocol-timings.ts';
import type { Reason } from '../vocabulary/reason.ts';

/** What a standby knows of the primary by its publisher, and what it has of the primary's WAL. */
export interface PublisherWord {
  readonly publisher: string;
  /** Milliseconds since it was heard of. */
  readonly silentMs: number;
  /** From this silence on nothing is known of the primary. */
  readonly staleMs: number;
  /**
   * The newest position at which it spoke: a slot that was made before is in the topic. Its heartbeat alone moves it on while nothing happens
   * to the slots.
   */
  readonly wordLsn: Lsn;
  /** Where the WAL of this standby ended when it was asked. */
  readonly askedEnd: Lsn;
  /** Where it ends now. */
  readonly endOfWal: Lsn;
}

/** True when a further word would tell of WAL that is here, and the publisher is alive to give it. */
export function awaitsWord({ silentMs, wordLsn, askedEnd }: PublisherWord): boolean {
  return wordLsn < askedEnd && silentMs <= LATE_MS;
}

/**
 * Why what happened on the primary is not known; `undefined` when it is. A publisher that lives tells of all that it sees within a second, so
 * the WAL that was here when it was asked is enough; from one that is silent nothing more comes.
 */
export function findSilence(word: PublisherWord): Reason | undefined {
  const { publisher, silentMs, staleMs, wordLsn, askedEnd, endOfWal } = word;
  const seconds = Number.isFinite(silentMs) ? Math.round(silentMs / 1000) : undefined;
  if (silentMs > staleMs) {
    return reason('publisher_unheard', { publisher, seconds });
  }
  const end = silentMs <= LATE_MS ? askedEnd : endOfWal;
  return wordLsn >= end
    ? undefined
    : reason('wal_after_last_word', { bytes: end - wordLsn, publisher, word: wordLsn, seconds });
}
