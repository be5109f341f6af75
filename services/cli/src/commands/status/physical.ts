import {
  formatLsn,
  namesText,
  type PhysicalCopyView,
  type PhysicalSlotView,
  reasonText,
} from '@slotcast/domain';
import { printable } from '../../shared/output.ts';

/** Where the WAL is kept that the reader of each physical slot may need. */
export function physicalLines(slots: readonly PhysicalSlotView[]): string[] {
  return slots.map(({ name, restartLsn, copies }) => {
    const where = copies.length === 0 ? 'no standby keeps it' : `kept on ${namesText(copies.map(copyText))}`;
    return `${name}: its reader needs WAL from ${formatLsn(restartLsn)} on; ${where}`;
  });
}

function copyText({ node, state, reasons, restartLsn, stale }: PhysicalCopyView): string {
  const from = restartLsn === undefined ? '' : ` from ${formatLsn(restartLsn)} on`;
  const why = reasons.length === 0 ? '' : `: ${printable(reasonText(reasons))}`;
  return `${printable(node)}${from} (${stale ? 'was ' : ''}${state}${why})`;
}
