import { formatLsn, type Lsn, type Reason, reasonText } from '@slotcast/domain';

/** A position as JSON has it: its text, or null where there is none. */
export function lsnText(position: Lsn | undefined): string | null {
  return position === undefined ? null : formatLsn(position);
}

/** ISO 8601, UTC. A time that is out of the range of dates, as in a record that is not slotcast's, is shown as its number. */
export function isoTime(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}

/** Reasons for machines: each by its code with its facts. */
export function reasonsJson(reasons: readonly Reason[]) {
  return reasons.map(({ code, facts }) => ({ code, facts }));
}

/** Reasons in words, or null where there are none. */
export function textOrNull(reasons: readonly Reason[]): string | null {
  return reasons.length === 0 ? null : reasonText(reasons);
}

/** One reason as the list that it is in JSON. */
export function listOf(why: Reason | undefined): readonly Reason[] {
  return why === undefined ? [] : [why];
}
