import { formatLsn, type ProofOutcome, type ProofResult, reasonText } from '@slotcast/domain';
import { isoTime, reasonsJson } from './json-values.ts';

/** The shape of `slotcast verify --output json`: positions as text, absent values null. */
export function verifiedJson(node: string, outcomes: readonly ProofOutcome[]) {
  return {
    verdict: verdictOf(outcomes),
    node,
    slots: outcomes.map(({ slot, result, reasons, compared }) => ({
      slot,
      result,
      reason: reasonText(reasons),
      reasons: reasonsJson(reasons),
      transactions: compared?.transactions ?? null,
      changes: compared?.changes ?? null,
      from_lsn: compared === undefined ? null : formatLsn(compared.fromLsn),
      to_lsn: compared === undefined ? null : formatLsn(compared.toLsn),
      time: compared === undefined ? null : isoTime(compared.time),
    })),
  };
}

export type VerifiedJson = ReturnType<typeof verifiedJson>;

/** The gravest of all. Slots that had nothing to compare stand in nobody's way, as long as one was proven. */
function verdictOf(outcomes: readonly ProofOutcome[]): ProofResult {
  const has = (wanted: ProofResult): boolean => outcomes.some(({ result }) => result === wanted);
  if (has('wrong')) {
    return 'wrong';
  }
  if (has('unknown')) {
    return 'unknown';
  }
  return has('proven') ? 'proven' : 'nothing';
}
