import type { Note, Violation, WalLine } from '../types.ts';
import { findReport } from './report.ts';
import { formatPosition } from './words.ts';

/** How long nobody may notice that a subscriber is ahead of the server that it uses, in virtual milliseconds. */
export const AHEAD_PATIENCE_MS = 30_000;

interface Ahead {
  readonly slot: string;
  readonly node: string;
  readonly at: number;
  /** From when on a report counts. */
  readonly since: number;
  readonly asksFor: number;
  /** End of WAL when it connected. */
  readonly end: number;
  /** The line as it is by now. */
  readonly line: () => WalLine;
}

/**
 * I2: a subscriber that asks for a position beyond the WAL of its server is noticed: it is reported, or the WAL is pushed past that position with
 * nothing committed before it.
 */
export class AheadWatch {
  readonly #open: Ahead[] = [];

  connected(ahead: Ahead): void {
    if (ahead.asksFor > ahead.end) {
      this.#open.push(ahead);
    }
  }

  judge(now: number, notes: readonly Note[]): Violation[] {
    const found: Violation[] = [];
    while (this.#open[0] !== undefined && this.#open[0].at + AHEAD_PATIENCE_MS <= now) {
      const ahead = this.#open.shift();
      if (ahead !== undefined && !isFenced(ahead) && !isReported(ahead, notes)) {
        found.push(violation(ahead));
      }
    }
    return found;
  }
}

function isFenced({ line, asksFor, end }: Ahead): boolean {
  const present = line();
  return present.end >= asksFor && present.committed(end, asksFor).every(({ rows }) => rows.length === 0);
}

function isReported({ slot, since, at }: Ahead, notes: readonly Note[]): boolean {
  return findReport(notes, { slot, from: since, until: at + AHEAD_PATIENCE_MS }) !== undefined;
}

function violation({ slot, node, at, asksFor, end }: Ahead): Violation {
  const text =
    `the subscriber of ${slot} asked ${node} for ${formatPosition(asksFor)}, beyond the end of its WAL at ${formatPosition(end)}, ` +
    'and nobody noticed';
  return { invariant: 'I2', at, slot, text };
}
