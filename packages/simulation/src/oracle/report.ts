import type { Note } from '../types.ts';

/** How long after a subscriber was passed over a report still counts, in virtual milliseconds. */
export const REPORT_PATIENCE_MS = 5000;

/** Lines that tell a person that the subscriber of a slot lacks rows or may lack them, or that the slot is not to be used. All others are about work. */
export const lossReports = [
  'the subscriber of a slot was ahead of this server: what it received from that WAL is not here',
  'the subscriber of a slot may be ahead of this server, as it may have gone on after it was heard of last: it may skip changes',
  'a slot was lost on the promotion: it was not ready',
  'dropped a slot that was not safe to use at the promotion',
  'dropped a slot that must not be used, as the server keeps no copy of it; a placeholder has its name',
  'quarantined a slot: a copy is kept, and a placeholder has its name',
  'put a placeholder under the name of a quarantined slot',
  'the name of a quarantined slot is not kept taken: whoever uses a slot of that name now misses changes',
  'left a slot alone: its row cannot be right',
  'a subscriber says that it is ahead of this server: it skips what is committed here before its position',
] as const;

/** True when this line says of this slot that its subscriber may lack rows. A fence that stands says the opposite: that the subscriber lacks none. */
function tellsOfLoss(note: Note, slot: string): boolean {
  return (
    note.kind === 'log' &&
    note.level !== 'info' &&
    note.fields['slot'] === slot &&
    note.fields['outcome'] !== 'fenced' &&
    lossReports.some((report) => report === note.message)
  );
}

/** The first report of a slot from the end of its server's recovery on until `until`. */
export function findReport(
  notes: readonly Note[],
  wanted: { slot: string; from: number; until: number },
): Note | undefined {
  const { slot, from, until } = wanted;
  return notes.find((note) => note.at >= from && note.at <= until && tellsOfLoss(note, slot));
}
