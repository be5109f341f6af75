import { formatLsn, lsn } from '@slotcast/domain';
import type { Committed, RowId } from '../types.ts';

/** Such as `rows 17–21` or `row 4`. */
export function formatRows(rows: readonly RowId[]): string {
  const sorted = rows.toSorted((a, b) => a - b);
  const runs: { from: RowId; to: RowId }[] = [];
  for (const row of sorted) {
    const last = runs.at(-1);
    if (last !== undefined && row <= last.to + 1) {
      last.to = row;
    } else {
      runs.push({ from: row, to: row });
    }
  }
  const texts = runs.map(({ from, to }) => (from === to ? `${from}` : `${from}–${to}`));
  return `${sorted.length === 1 ? 'row' : 'rows'} ${texts.join(', ')}`;
}

export function formatPosition(position: number): string {
  return formatLsn(lsn(BigInt(position)));
}

/** Where transactions are committed. */
export function formatRange(transactions: readonly Committed[]): string {
  const from = Math.min(...transactions.map(({ start }) => start));
  const to = Math.max(...transactions.map(({ end }) => end));
  return `${formatPosition(from)}–${formatPosition(to)}`;
}
