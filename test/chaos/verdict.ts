/** What became of one slot and its subscriber in a history. */
export interface SlotOutcome {
  readonly slot: string;
  /** Numbers of rows that stand on the new primary and never reached the subscriber. */
  readonly missing: readonly number[];
  /** Whether a subscriber can read a slot of this name on the new primary. */
  readonly isInReach: boolean;
  /** Whether the row that was written last, when all was repaired, has arrived. */
  readonly isAtPresent: boolean;
  /** What is on record of it: lost, quarantined or unsafe. */
  readonly reported: string | undefined;
  readonly lastError: string;
}

/** What is wrong with it: a subscriber skips no row, and no slot goes, without a report, and whoever is in reach comes to the present. */
export function judgeSlot(outcome: SlotOutcome): readonly string[] {
  const { slot, missing, reported } = outcome;
  const findings: string[] = [];
  if (missing.length > 0 && outcome.isInReach && reported === undefined) {
    findings.push(
      `the subscriber of ${slot} never got ${missing.length} rows (${missing[0]} to ${missing.at(-1)}), and nobody was told`,
    );
  }
  if (!outcome.isInReach && reported === undefined) {
    findings.push(`${slot} is out of reach, and nobody was told (${outcome.lastError})`);
  }
  if (outcome.isInReach && !outcome.isAtPresent && reported === undefined) {
    findings.push(`the subscriber of ${slot} does not come to the present (${outcome.lastError})`);
  }
  return findings;
}
