import { type Candidate, type ClusterView, formatLsn } from '@slotcast/domain';
import { printable } from './output.ts';
import type { Paint } from './paint.ts';
import { bytesText, counted, namesText } from './quantity.ts';

/** Which standby is best to promote, and what each would lose. */
export function candidateLines({ candidates, slots }: ClusterView, paint: Paint): string[] {
  return candidates.flatMap((candidate, index) => {
    const name = paint('strong', printable(candidate.node));
    const stale = candidate.stale ? `, ${paint('warning', 'as of when it was last heard of')}` : '';
    const losses = candidate.lost.map(({ slot, state }) => `${slot} (${state ?? 'unknown'})`);
    return [
      `${index + 1}. ${name}: ${lossText(candidate, slots.length, paint)}; ${aheadText(candidate, paint)}${stale}`,
      ...(losses.length === 0 ? [] : [`   lost: ${namesText(losses)}`]),
      ...(candidate.ahead.length === 0 ? [] : [`   ahead: ${namesText(candidate.ahead.map(aheadSlotText))}`]),
    ];
  });
}

function lossText({ lost }: Candidate, all: number, paint: Paint): string {
  return lost.length === 0
    ? paint('good', 'loses no slot')
    : paint('bad', `loses ${lost.length} of ${counted(all, 'slot')}`);
}

function aheadText({ ahead, aheadBytes, walLsn }: Candidate, paint: Paint): string {
  const wal = walLsn === undefined ? 'its WAL' : `its WAL (${formatLsn(walLsn)})`;
  if (aheadBytes === undefined) {
    return paint('warning', `it cannot be told whether a consumer is ahead of ${wal}`);
  }
  if (aheadBytes === 0n) {
    return `no consumer is ahead of ${wal}`;
  }
  const isCertain = ahead.some(({ certain }) => certain);
  return paint(
    'warning',
    `consumers ${isCertain ? 'are' : 'may be'} up to ${bytesText(aheadBytes)} ahead of ${wal}`,
  );
}

function aheadSlotText({ slot, bytes, certain }: Candidate['ahead'][number]): string {
  return `${slot} ${certain ? '' : 'perhaps '}${bytesText(bytes)}`;
}
