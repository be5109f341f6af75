import type { Note, Violation } from '../types.ts';

/** What slotcast says of itself when its own checks find a fault. */
const OWN_FAULTS = ['it is a fault of slotcast', 'in a way that it never should'];

/** How one that was fenced says so: what it does then is its usual work, however often it had failed for another reason before. */
const FENCED = /: a later claim took over$/;

/** I10: an error that nobody was prepared for, a check of slotcast's own that found a fault, or a service that ended because of one. */
export function findMishap(note: Note): Violation | undefined {
  const text = note.kind === 'exit' ? unexpectedExit(note.error) : unexpectedLine(note);
  return text === undefined
    ? undefined
    : { invariant: 'I10', at: note.at, ...slotOf(note), text: `${note.process}: ${text}` };
}

function unexpectedExit(error: unknown): string | undefined {
  if (error === undefined || hasCode(error)) {
    return undefined;
  }
  return `ended with an error that nobody was prepared for: ${errorText(error)}`;
}

function errorText(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : JSON.stringify(error);
}

/** A SlotcastError tells what to do; any other is one that the service did not know. */
function hasCode(error: unknown): boolean {
  return error instanceof Error && 'exitCode' in error && 'code' in error && error.code !== 'SC_UNEXPECTED';
}

function unexpectedLine(note: Note & { kind: 'log' }): string | undefined {
  const { message, fields } = note;
  if (OWN_FAULTS.some((fault) => message.includes(fault))) {
    return `${message} (${String(fields['reason'] ?? fields['role_violation'])})`;
  }
  // A first hiccup is worth a line at level info only, as when another publisher has taken over. A hand-off that stays open is none.
  const isUnknown = fields['code'] === undefined || fields['code'] === 'SC_HAND_OFF_OPEN';
  const isRepeated = note.level !== 'info' && message === 'failed, will try again';
  const isFenced = FENCED.test(String(fields['error']));
  return (isUnknown && isRepeated && !isFenced) || fields['code'] === 'SC_UNEXPECTED'
    ? `met an error that it does not know: ${String(fields['error'])}`
    : undefined;
}

function slotOf(note: Note): { readonly slot?: string } {
  const slot = note.kind === 'log' ? note.fields['slot'] : undefined;
  return typeof slot === 'string' ? { slot } : {};
}
