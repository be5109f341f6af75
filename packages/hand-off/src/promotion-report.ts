import {
  type AheadOutcome,
  formatLsn,
  type Lsn,
  type OpenEnd,
  type Promotion,
  type ReaderAhead,
  reasonText,
  type SlotAhead,
  type SlotLost,
  type SlotName,
} from '@slotcast/domain';
import type { Logger } from '@slotcast/kernel';

/** Tells of the slots whose subscribers were ahead of a promoted server, and of those that got lost: of each outcome once, and also while it is still tried to do better. */
export class PromotionReport {
  readonly #told = new Set<string>();
  readonly #logger: Logger;

  /** What was told `before` is not told again. */
  constructor(before: Promotion | undefined, logger: Logger) {
    this.#logger = logger;
    before?.ahead.forEach((entry) => this.#isNews(aheadKey(entry)));
    before?.lost.forEach((entry) => this.#isNews(lostKey(entry)));
  }

  tell({ switchLsn, ahead, lost }: Promotion): void {
    for (const entry of ahead.filter((each) => this.#isNews(aheadKey(each)))) {
      this.#tellAhead(entry, switchLsn);
    }
    for (const { slot, reasons } of lost.filter((each) => this.#isNews(lostKey(each)))) {
      const told = { slot, reason: reasonText(reasons) };
      this.#logger.error(told, 'a slot was lost on the promotion: it was not ready');
    }
  }

  /** Why each slot that is used is told of. */
  tellOpenEnd({ isUnseen, survivor, branches }: OpenEnd): void {
    const since = survivor && { node: survivor.node, lsn: formatLsn(survivor.lsn) };
    const fields = { unseen: isUnseen, survivor: since, branches };
    if (this.#isNews(JSON.stringify(fields))) {
      this.#logger.warn(
        fields,
        'nothing bounds what subscribers have confirmed elsewhere: another primary was at work since the promotion, or nobody saw recovery end',
      );
    }
  }

  /** What they received beyond this server's WAL they cannot keep if they are to follow it. */
  tellReaders(ahead: readonly ReaderAhead[]): void {
    for (const { slot, restartLsn, leftLsn } of ahead.filter((entry) =>
      this.#isNews(`reader ${entry.slot}`),
    )) {
      this.#logger.warn(
        { slot, from: formatLsn(leftLsn), to: formatLsn(restartLsn), bytes: String(restartLsn - leftLsn) },
        'the reader of a physical slot has WAL that this server never had: a standby needs pg_rewind before it can follow, and what an archive has of that WAL is of another timeline',
      );
    }
  }

  #tellAhead({ slot, confirmedFlushLsn, outcome }: SlotAhead, switchLsn: Lsn): void {
    if (outcome === 'unknown') {
      const known = { from: formatLsn(switchLsn), confirmed: formatLsn(confirmedFlushLsn) };
      tellUnknown(slot, known, this.#logger);
      return;
    }
    // Otherwise it was ahead from an earlier promotion on already, or came from another branch: from where on is not told.
    const isFromHere = confirmedFlushLsn > switchLsn;
    const from = isFromHere ? formatLsn(switchLsn) : undefined;
    const bytes = isFromHere ? String(confirmedFlushLsn - switchLsn) : undefined;
    this.#logger[outcome === 'fenced' ? 'warn' : 'error'](
      { slot, from, to: formatLsn(confirmedFlushLsn), bytes, outcome },
      'the subscriber of a slot was ahead of this server: what it received from that WAL is not here',
    );
  }

  #isNews(key: string): boolean {
    const isNews = !this.#told.has(key);
    this.#told.add(key);
    return isNews;
  }
}

/** Tells that nobody knows of any of these slots whether its subscriber is ahead, nor where that stood. */
export function tellAllUnknown(
  slots: Iterable<SlotName>,
  logger: Logger,
  level: 'warn' | 'error' = 'error',
): void {
  for (const slot of slots) {
    tellUnknown(slot, {}, logger, level);
  }
}

/** The same of one. `known`: where it stood, as far as that is known. */
function tellUnknown(
  slot: SlotName,
  known: { readonly from?: string; readonly confirmed?: string },
  logger: Logger,
  level: 'warn' | 'error' = 'error',
): void {
  logger[level](
    { slot, ...known, outcome: 'unknown' satisfies AheadOutcome },
    'the subscriber of a slot may be ahead of this server, as it may have gone on after it was heard of last: it may skip changes',
  );
}

function aheadKey({ slot, outcome }: SlotAhead): string {
  return `${outcome} ${slot}`;
}

function lostKey({ slot }: SlotLost): string {
  return `lost ${slot}`;
}
