import { type Candidate, type ClusterView, formatLsn, namesText } from '@slotcast/domain';
import { bytesText, counted } from '@slotcast/views';
import { printable } from '../../shared/output.ts';
import type { Paint } from './paint.ts';

/** Which standby is best to promote, and what each would lose. */
export function candidateLines({ candidates, slots }: ClusterView, paint: Paint): string[] {
  return candidates.flatMap((candidate, index) => {
    const name = paint('strong', printable(candidate.node));
    const stale = candidate.stale ? `, ${paint('warning', 'as of when it was last heard of')}` : '';
    const ahead = certainlyAhead(candidate).map(({ slot, bytes }) => `${slot} ${bytesText(bytes)}`);
    const losses = candidate.lost.map(({ slot, state }) => `${slot} (${state ?? 'unknown'})`);
    return [
      `${index + 1}. ${name}: ${lossText(candidate, slots.length, paint)}; ${aheadText(candidate, paint)}${stale}`,
      ...(losses.length === 0 ? [] : [`   lost: ${namesText(losses)}`]),
      ...(ahead.length === 0 ? [] : [`   ahead: ${namesText(ahead)}`]),
    ];
  });
}

function lossText({ lost }: Candidate, all: number, paint: Paint): string {
  return lost.length === 0
    ? paint('good', 'loses no slot')
    : paint('bad', `loses ${lost.length} of ${counted(all, 'slot')}`);
}

function aheadText(candidate: Candidate, paint: Paint): string {
  const { aheadBytes, walLsn } = candidate;
  const wal = walLsn === undefined ? 'its WAL' : `its WAL (${formatLsn(walLsn)})`;
  if (aheadBytes === undefined) {
    return paint('warning', `it cannot be told whether a subscriber is ahead of ${wal}`);
  }
  const certain = certainlyAhead(candidate);
  if (certain.length > 0) {
    return paint('warning', `subscribers are up to ${bytesText(aheadBytes)} ahead of ${wal}`);
  }
  return aheadBytes === 0n
    ? `no subscriber is ahead of ${wal}`
    : `subscribers are at most ${bytesText(aheadBytes)} ahead of ${wal}`;
}

/** Subscribers that had confirmed more than the standby had when it wrote its record. Others may only have moved since. */
export function certainlyAhead({ ahead }: Candidate): Candidate['ahead'] {
  return ahead.filter(({ certain }) => certain);
}
