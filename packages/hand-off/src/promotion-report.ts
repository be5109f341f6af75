import { formatLsn, type Promotion, reasonText } from '@slotcast/domain';
import type { Logger } from '@slotcast/kernel';

/** Tells of the slots whose subscribers were ahead, and of those that got lost. What was told `before` is not told again. */
export function reportPromotion(
  { switchLsn, ahead, lost }: Promotion,
  before: Promotion | undefined,
  logger: Logger,
): void {
  const toldAhead = new Set(before?.ahead.map(({ slot, outcome }) => `${outcome} ${slot}`));
  const toldLost = new Set(before?.lost.map(({ slot }) => slot));
  for (const { slot, confirmedFlushLsn, outcome } of ahead) {
    if (toldAhead.has(`${outcome} ${slot}`)) {
      continue;
    }
    if (outcome === 'unknown') {
      logger.error(
        { slot, from: formatLsn(switchLsn), confirmed: formatLsn(confirmedFlushLsn), outcome },
        'the subscriber of a slot may be ahead of this server, as it may have gone on after it was heard of last: it may skip changes',
      );
      continue;
    }
    // Otherwise it was ahead of an earlier promotion already.
    const bytes = confirmedFlushLsn > switchLsn ? String(confirmedFlushLsn - switchLsn) : undefined;
    logger[outcome === 'fenced' ? 'warn' : 'error'](
      { slot, from: formatLsn(switchLsn), to: formatLsn(confirmedFlushLsn), bytes, outcome },
      'the subscriber of a slot was ahead of this server: what it received from that WAL is not here',
    );
  }
  for (const { slot, reasons } of lost.filter((entry) => !toldLost.has(entry.slot))) {
    logger.error({ slot, reason: reasonText(reasons) }, 'a slot was lost on the promotion: it was not ready');
  }
}
