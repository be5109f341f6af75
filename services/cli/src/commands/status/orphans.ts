import { formatLsn, type KeptCopy, namesText, type OrphanView, reasonText } from '@slotcast/domain';
import { bytesText } from '@slotcast/views';
import { printable } from '../../shared/output.ts';

const causes = {
  missing: 'the primary took over without it',
  other_slot: 'the primary took over with another slot of that name',
  quarantined: "the hand-off took it out of its subscriber's reach",
} as const;

/** Where each orphaned slot still is, and what it costs there. */
export function orphanLines(orphans: readonly OrphanView[]): string[] {
  return orphans.map(({ name, cause, since, copies }) => {
    const where = copies.length === 0 ? 'no node has a copy' : `kept on ${namesText(copies.map(copyText))}`;
    return `${name}: ${causes[cause]}, at ${new Date(since).toISOString()}; ${where}. Promote a node that has it, or give it up with slotcast forget ${name}`;
  });
}

function copyText({ node, slot, confirmedFlushLsn, walBytes, stale, doubts }: KeptCopy): string {
  const facts = [
    `as ${slot}`,
    ...(confirmedFlushLsn === undefined ? [] : [`at ${formatLsn(confirmedFlushLsn)}`]),
    ...(walBytes === undefined ? [] : [`with ${bytesText(walBytes)} of WAL`]),
    ...(doubts.length === 0 ? [] : [`but it may not serve: ${reasonText(doubts)}`]),
    ...(stale ? ['as it was when last heard of'] : []),
  ];
  return `${printable(node)} (${facts.join(', ')})`;
}
