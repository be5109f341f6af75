import {
  type AheadOutcome,
  CANARY_SLOT,
  endsAsCopy,
  formatLsn,
  isAheadOfWal,
  isOwnWorkingSlot,
  type SeenPosition,
} from '@slotcast/domain';
import { type Clock, errorText, type Logger } from '@slotcast/kernel';
import { readBeyondWal } from '@slotcast/postgres';
import type { GuardSite } from './recovery-guard.ts';

/** So long after a look of the publisher nobody else has to look. */
const LOOKED_AFTER_MS = 3000;

/** Tells of a subscriber that says it is ahead of the primary that it is connected to. */
export function tellAhead(
  logger: Logger,
  { slot, position, insertLsn }: SeenPosition,
  outcome: AheadOutcome,
): void {
  const fields = { slot, position: formatLsn(position), end: formatLsn(insertLsn), outcome };
  logger[outcome === 'fenced' ? 'warn' : 'error'](
    { code: 'SC_SUBSCRIBER_AHEAD', ...fields },
    'a subscriber says that it is ahead of this server: it skips what is committed here before its position',
  );
}

/**
 * Looks at a primary for subscribers that say they are ahead of it, as long as no publisher of this process does: it may be waiting for its claim or for Kafka, be dead, or
 * run in another process that is. Only tells of them, once each time; what is to be done is decided by the publisher, with the topics.
 */
export class AheadLookout {
  readonly #options: { readonly clock: Clock; readonly logger: Logger };
  #lookedAfterMs = Number.NEGATIVE_INFINITY;
  #told: ReadonlySet<string> = new Set();
  #failure: string | undefined;

  constructor(options: { readonly clock: Clock; readonly logger: Logger }) {
    this.#options = options;
  }

  /** To be called when the publisher of this process has looked, and has told what it saw. */
  looked(): void {
    this.#lookedAfterMs = this.#options.clock.monotonicMs();
  }

  /** A publisher of this process has looked lately. */
  get isLookedAfter(): boolean {
    return this.#options.clock.monotonicMs() - this.#lookedAfterMs < LOOKED_AFTER_MS;
  }

  /** Looks once. Never rejects: whoever watches the server has more to do. */
  async look({ connection, signal }: GuardSite): Promise<void> {
    const { logger } = this.#options;
    if (this.isLookedAfter) {
      return;
    }
    try {
      const found = await readBeyondWal(connection, signal);
      const ahead = found.filter(
        // The copy of a quarantined slot stands where that stood, and nobody uses it.
        (seen) =>
          isAheadOfWal(seen) &&
          seen.slot !== CANARY_SLOT &&
          !isOwnWorkingSlot(seen.slot) &&
          !endsAsCopy(seen.slot),
      );
      ahead.filter(({ slot }) => !this.#told.has(slot)).forEach((seen) => tellAhead(logger, seen, 'unsafe'));
      this.#told = new Set(ahead.map(({ slot }) => slot));
      this.#failure = undefined;
    } catch (error) {
      const said = errorText(error);
      if (!signal.aborted && !connection.broken && said !== this.#failure) {
        this.#failure = said;
        logger.warn({ error: said }, 'cannot see whether subscribers are ahead of this server');
      }
    }
  }
}
