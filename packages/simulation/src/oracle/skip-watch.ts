import type { Committed, Note, Violation, WalLine } from '../types.ts';
import type { Incarnation } from './incarnation.ts';
import { findReport, REPORT_PATIENCE_MS } from './report.ts';
import { formatRange, formatRows } from './words.ts';

/** What a subscriber was not given, and until when that may still be reported. */
interface Skip {
  readonly slot: string;
  readonly node: string;
  readonly at: number;
  /** Until when a report counts: later than usual where there was nobody who could have told. */
  deadline: number;
  /** From when on a report counts. */
  readonly since: number;
  readonly transactions: readonly Committed[];
}

/** I1: no subscriber is led past a row that it is owed, unless somebody was told of it. */
export class SkipWatch {
  #open: Skip[] = [];

  /** `upTo`: the server has sent all that it will of what begins before. `since`: when the server's last recovery ended. */
  sent(input: {
    incarnation: Incarnation;
    node: string;
    line: WalLine;
    upTo: number;
    now: number;
    since: number;
  }): void {
    const { incarnation, node, line, upTo, now, since } = input;
    const transactions = incarnation.passedOver(line, upTo);
    if (transactions.length > 0) {
      const deadline = now + REPORT_PATIENCE_MS;
      this.#open.push({ slot: incarnation.slot, node, at: now, deadline, since, transactions });
    }
  }

  /** A skip is not judged yet. */
  get isOpen(): boolean {
    return this.#open.length > 0;
  }

  /**
   * Judges skips for which the time to report has passed. It begins anew when a service of the node is there again after a time without, which ended at `unattendedUntil`, as nobody could tell: also one between two
   * looks.
   */
  judge(now: number, notes: readonly Note[], unattendedUntil: (node: string) => number): Violation[] {
    for (const skip of this.#open) {
      skip.deadline = Math.max(skip.deadline, unattendedUntil(skip.node) + REPORT_PATIENCE_MS);
    }
    const due = this.#open.filter(({ deadline }) => deadline <= now);
    this.#open = this.#open.filter(({ deadline }) => deadline > now);
    return due.filter((skip) => !isReported(skip, notes)).map(violation);
  }
}

function isReported({ slot, since, deadline }: Skip, notes: readonly Note[]): boolean {
  return findReport(notes, { slot, from: since, until: deadline }) !== undefined;
}

function violation({ slot, node, at, transactions }: Skip): Violation {
  const rows = transactions.flatMap((each) => each.rows);
  const text =
    `the subscriber of ${slot} never got ${formatRows(rows)} (${formatRange(transactions)}) from ${node}, ` +
    'which went on to later WAL, and nobody was told';
  return { invariant: 'I1', at, slot, text };
}
