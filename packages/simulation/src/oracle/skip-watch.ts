import type { Committed, Note, Violation, WalLine } from '../types.ts';
import type { Incarnation } from './incarnation.ts';
import { findReport, REPORT_PATIENCE_MS } from './report.ts';
import { formatRange, formatRows } from './words.ts';

/** What a subscriber was not given, and until when that may still be reported. */
interface Skip {
  readonly slot: string;
  readonly node: string;
  readonly at: number;
  /** From when on a report counts. */
  readonly since: number;
  readonly transactions: readonly Committed[];
}

/** I1: no subscriber is led past a row that it is owed, unless somebody was told of it. */
export class SkipWatch {
  readonly #open: Skip[] = [];

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
      this.#open.push({ slot: incarnation.slot, node, at: now, since, transactions });
    }
  }

  /** When the next skip can be judged; absent while there is none. */
  get due(): number | undefined {
    return this.#open[0] === undefined ? undefined : this.#open[0].at + REPORT_PATIENCE_MS;
  }

  /** Judges skips for which the time to report has passed; at the end of a history, all. */
  judge(now: number, notes: readonly Note[]): Violation[] {
    const found: Violation[] = [];
    while (this.#open[0] !== undefined && this.#open[0].at + REPORT_PATIENCE_MS <= now) {
      const skip = this.#open.shift();
      if (skip !== undefined && !isReported(skip, notes)) {
        found.push(violation(skip));
      }
    }
    return found;
  }
}

function isReported({ slot, since, at }: Skip, notes: readonly Note[]): boolean {
  return findReport(notes, { slot, from: since, until: at + REPORT_PATIENCE_MS }) !== undefined;
}

function violation({ slot, node, at, transactions }: Skip): Violation {
  const rows = transactions.flatMap((each) => each.rows);
  const text =
    `the subscriber of ${slot} never got ${formatRows(rows)} (${formatRange(transactions)}) from ${node}, ` +
    'which went on to later WAL, and nobody was told';
  return { invariant: 'I1', at, slot, text };
}
