import type { Note } from '../types.ts';

/** How long after a subscriber was passed over a report still counts, in virtual milliseconds. */
export const REPORT_PATIENCE_MS = 5000;

/**
 * True when somebody who reads the log learns that this slot's subscriber may lack rows. A fence that stands says the opposite: that the
 * subscriber lacks none.
 */
function tellsOfLoss(note: Note, slot: string): boolean {
  return (
    note.kind === 'log' &&
    note.level !== 'info' &&
    note.fields['slot'] === slot &&
    note.fields['outcome'] !== 'fenced'
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
