import { counted, type RebuiltJson, textTable } from '@slotcast/views';
import { printable } from '../../shared/output.ts';

const words = { installed: 'installed', replaced: 'replaced', kept: 'kept', left_out: 'left out' } as const;

/** The answer for people: what was done in one line, then each slot. */
export function rebuiltText(rebuilt: RebuiltJson): readonly string[] {
  const head = ['', 'slot', 'restart', 'confirmed', 'event', ''];
  const rows = rebuilt.slots.map((slot) => [
    slot.missing ? 'MISSING' : words[slot.outcome],
    slot.slot,
    slot.restart_lsn ?? '-',
    slot.confirmed_flush_lsn ?? '-',
    slot.event_lsn ?? '-',
    printable(slot.reason),
  ]);
  return [summary(rebuilt), ...(rows.length === 0 ? [] : ['', ...textTable([head, ...rows])])];
}

function summary({ dry_run, data_directory, consistent_lsn, timeline, slots }: RebuiltJson): string {
  const put = slots.filter(({ outcome }) => outcome === 'installed' || outcome === 'replaced').length;
  const missing = slots.filter(({ missing }) => missing).length;
  const done = dry_run ? 'would be put into' : 'put into';
  const where = `as of ${consistent_lsn} on timeline ${timeline}`;
  const rest = missing === 0 ? '' : `; ${missing} that ${missing === 1 ? 'was' : 'were'} wanted cannot be`;
  return `${counted(put, 'slot')} ${done} ${printable(data_directory)}, ${where}${rest}`;
}
