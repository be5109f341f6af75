import type { AheadOutcome } from '@slotcast/domain';

/** What a node has on record of a slot after its promotion. */
export type Report = AheadOutcome | 'lost';

/** What became of one slot and its subscriber in a failover. */
export interface SlotOutcome {
  readonly slot: string;
  /** Numbers of rows that stand on the new primary, never reached the subscriber, and were not missing before. */
  readonly missing: readonly number[];
  /** Whether a subscriber can read a slot of this name on the new primary. */
  readonly isInReach: boolean;
  /** Whether the row that was written last, when all was repaired, has arrived. */
  readonly isAtPresent: boolean;
  readonly reported: Report | undefined;
  readonly lastError: string;
}

/** By which reports somebody was told that a subscriber in reach may lack rows, or wait for WAL that is yet to come. */
const TOLD_OF_DANGER: ReadonlySet<Report | undefined> = new Set<Report>(['unsafe', 'unknown']);
/** By which reports somebody was told that a slot is out of reach. A quarantine that could not keep the name is on record as unsafe. */
const TOLD_OF_ABSENCE: ReadonlySet<Report | undefined> = new Set<Report>(['quarantined', 'lost', 'unsafe']);

/** What is wrong with it: each danger is on record of this slot, as this danger; and what is on record as out of reach is. */
export function judgeSlot(outcome: SlotOutcome): readonly string[] {
  const { slot, missing, isInReach, isAtPresent, reported, lastError } = outcome;
  const onRecord = reported === undefined ? 'nobody was told' : `only that it is ${reported} was told`;
  if (!isInReach) {
    return TOLD_OF_ABSENCE.has(reported) ? [] : [`${slot} is out of reach, and ${onRecord} (${lastError})`];
  }
  const findings: string[] = [];
  if (reported === 'quarantined') {
    findings.push(`${slot} is on record as quarantined, and in reach under its name`);
  }
  if (missing.length > 0 && !TOLD_OF_DANGER.has(reported)) {
    findings.push(
      `the subscriber of ${slot} never got ${missing.length} rows (${missing[0]} to ${missing.at(-1)}), and ${onRecord}`,
    );
  }
  if (!isAtPresent && !TOLD_OF_DANGER.has(reported)) {
    findings.push(`the subscriber of ${slot} does not come to the present, and ${onRecord} (${lastError})`);
  }
  return findings;
}
