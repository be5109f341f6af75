import { lossReports } from '../src/oracle/report.ts';
import type { Committed, Note, WalLine } from '../src/types.ts';

const DATABASE = 5;

/** A line of WAL written by hand: every row is a transaction of its own. */
export class HandMadeLine implements WalLine {
  readonly timeline: number;
  readonly commits: Committed[] = [];
  readonly #parent: { line: HandMadeLine; at: number } | undefined;
  end: number;

  constructor(timeline = 1, parent?: { line: HandMadeLine; at: number }) {
    this.timeline = timeline;
    this.#parent = parent;
    this.end = parent?.at ?? 100;
  }

  /** Commits rows in one transaction that takes 10 bytes. */
  commit(...rows: number[]): Committed {
    const committed = {
      xid: rows[0] ?? 0,
      database: DATABASE,
      start: this.end,
      end: this.end + 10,
      rows,
    };
    this.end = committed.end;
    this.commits.push(committed);
    return committed;
  }

  /** WAL without commits. */
  skip(bytes: number): void {
    this.end += bytes;
  }

  /** The line that a promotion at the present end, or before, begins. */
  branch(at = this.end): HandMadeLine {
    return new HandMadeLine(this.timeline + 1, { line: this, at });
  }

  committed(from: number, to: number): readonly Committed[] {
    const before = this.#parent?.line.committed(from, Math.min(to, this.#parent.at)) ?? [];
    return [...before, ...this.commits.filter(({ start }) => start >= from && start < to)];
  }

  partsAt(other: WalLine): number {
    const mine = this.#ancestors();
    let at = Number.MAX_SAFE_INTEGER;
    if (!(other instanceof HandMadeLine)) {
      throw new TypeError('not a line of this kind');
    }
    for (let line: HandMadeLine = other; ; ) {
      const shared = mine.get(line);
      if (shared !== undefined) {
        return Math.min(at, shared, line.end);
      }
      if (line.#parent === undefined) {
        return 0;
      }
      at = Math.min(at, line.#parent.at);
      line = line.#parent.line;
    }
  }

  /** Each line that this one comes from, with up to where it is this one's. */
  #ancestors(upTo = Number.MAX_SAFE_INTEGER): Map<HandMadeLine, number> {
    const parent = this.#parent;
    const before =
      parent === undefined
        ? new Map<HandMadeLine, number>()
        : parent.line.#ancestors(Math.min(upTo, parent.at));
    return before.set(this, upTo);
  }
}

export const handMade = { DATABASE };

export function logged(
  at: number,
  slot: string,
  fields: Record<string, unknown> = {},
  message: string = lossReports[0],
): Note {
  return {
    kind: 'log',
    at,
    process: 'consumer@b',
    level: 'error',
    message,
    fields: { slot, ...fields },
  };
}
