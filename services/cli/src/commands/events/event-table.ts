import { formatLsn, type Manifest, type SlotEvent, type SlotState } from '@slotcast/domain';
import { eventJson, type LoggedEvent } from '@slotcast/views';
import { printable } from '../../shared/output.ts';

const HEAD = ['offset', 'time', 'op', 'slot', 'lsn', 'confirmed_flush', 'restart', 'tl', 'epoch.seq', 'node'];
/** Widths to begin with: those of common values, so that columns seldom have to widen on the way. */
const FIRST_WIDTHS = [8, 24, 9, 24, 17, 17, 17, 3, 10, 12];

/** Events in columns for people. A column that was too narrow is wider from then on, as the listing may have no end. */
export class EventTable {
  readonly #widths = [...FIRST_WIDTHS];

  head(): string {
    return this.#row(HEAD);
  }

  row(event: LoggedEvent): string {
    const { content } = event;
    const line = eventJson(event);
    const start = [String(line.offset), line.time, line.op];
    if (content.kind === 'malformed') {
      return `${this.#row(start)}  ${printable(content.key)}: ${printable(content.reason)}`;
    }
    return this.#row([...start, ...cells(content)]);
  }

  #row(cells: readonly string[]): string {
    return cells
      .map((cell, column) => {
        const width = Math.max(this.#widths[column] ?? 0, cell.length);
        this.#widths[column] = width;
        return cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  }
}

function cells(content: SlotEvent | Manifest): string[] {
  const state = content.kind === 'slot' ? content.state : undefined;
  return [
    content.kind === 'slot' ? content.slot : `(${content.slots.length} slots)`,
    formatLsn(content.lsn),
    position(state, 'confirmedFlushLsn'),
    position(state, 'restartLsn'),
    String(content.timeline),
    `${content.epoch}.${content.seq}`,
    printable(content.node),
  ];
}

function position(state: SlotState | undefined, field: 'confirmedFlushLsn' | 'restartLsn'): string {
  const value = state?.[field];
  return value === undefined ? '-' : formatLsn(value);
}
