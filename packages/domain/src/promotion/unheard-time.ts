import type { LastWord } from '../vocabulary/last-word.ts';
import { type Lsn, lsn, minLsn } from '../vocabulary/lsn.ts';
import { LATE_MS } from '../vocabulary/protocol-timings.ts';
import { isOrderlyEnd, type WalEnding } from './orderly-end.ts';
import { type KnownWal, knownEnds, MAX_FENCE_BYTES } from './wal-fence.ts';

/** What a server of which nothing is heard may write at least, in a second: one that was quiet may begin a bulk load. */
const UNHEARD_BYTES_PER_SECOND = 16 * 1024 * 1024;

/** It may write faster than it did, too. */
const UNHEARD_RATE_TIMES = 4;

/** A time before a promotion in which subscribers may have confirmed WAL that nobody has told of. */
export interface UnheardTime {
  /** When its publisher was heard of last, by the monotonic clock. */
  readonly sinceMs: number;
  /** The furthest position of the former primary's WAL that was told of until then. */
  readonly lsn: Lsn;
  /** All that could have been written since lies before this position, unless that is more than a fence is pushed by. */
  readonly reach: Lsn;
  /** The publisher has missed two heartbeats, so that it was not the promotion alone which came between. */
  readonly isLong: boolean;
}

/**
 * What is not known at a promotion: the publisher may have been frozen or cut off, together with its server or not, while subscribers went on. It is silent all the same when
 * it died together with its server: nobody can tell that apart here. But nothing is unheard where that server was shut down in an orderly way, and all its WAL is here, by `ending`. `endedAtMs`: when the end of
 * recovery was seen; without it nothing can be said.
 */
export function unheardBefore(
  input: KnownWal & { readonly word?: LastWord | undefined },
  endedAtMs: number | undefined,
  ending?: WalEnding,
): UnheardTime | undefined {
  const { word } = input;
  if (word === undefined || endedAtMs === undefined) {
    return undefined;
  }
  if (ending !== undefined && isOrderlyEnd({ ...ending, lastOrigin: input.lastOrigin, endedAtMs })) {
    return undefined;
  }
  const silentMs = Math.max(0, endedAtMs - word.heardAtMs);
  const rate = Math.max(UNHEARD_BYTES_PER_SECOND, UNHEARD_RATE_TIMES * word.bytesPerSecond);
  const { written, possible, limit } = knownEnds(input);
  const bytes = BigInt(Math.min(Number(MAX_FENCE_BYTES), Math.ceil((rate * silentMs) / 1000)));
  return {
    sinceMs: word.heardAtMs,
    lsn: written,
    reach: minLsn(lsn(possible + bytes), limit),
    isLong: silentMs > LATE_MS,
  };
}
