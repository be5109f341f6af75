import type { Committed, RowId, WalLine } from '../types.ts';

/**
 * What one subscriber has received from one making of its slot, and what it is owed: every row of its database that is committed on the line
 * of WAL which it reads now, from where the slot was made on.
 */
export class Incarnation {
  readonly slot: string;
  readonly #database: number;
  readonly #startLsn: number;
  readonly #startedOn: WalLine;
  readonly #received = new Set<RowId>();
  /** Rows that were found to be passed over. */
  readonly #told = new Set<RowId>();
  #judgedTo = 0;

  constructor(made: { slot: string; database: number; startLsn: number; line: WalLine }) {
    this.slot = made.slot;
    this.#database = made.database;
    this.#startLsn = made.startLsn;
    this.#startedOn = made.line;
  }

  get received(): Iterable<RowId> {
    return this.#received;
  }

  receive(rows: Iterable<RowId>): void {
    for (const row of rows) {
      this.#received.add(row);
    }
  }

  has({ rows }: Committed): boolean {
    return rows.every((row) => this.#received.has(row));
  }

  /** Another server, or the same after it broke off: what it has may be on another line, so all is judged anew. */
  connect(): void {
    this.#judgedTo = 0;
  }

  /** From where on a line owes its commits: one that parted from the slot's before it was made owes all that came after the parting. */
  owedFrom(line: WalLine): number {
    return Math.min(this.#startLsn, line.partsAt(this.#startedOn));
  }

  /** All that a line owes with commits that begin before `upTo`, and that was not received. */
  missing(line: WalLine, upTo: number): Committed[] {
    return this.#notReceived(line, this.owedFrom(line), upTo);
  }

  /** True of rows that a server has passed over already: they are lost, whoever is promoted. */
  isLost({ rows }: Committed): boolean {
    return rows.every((row) => this.#told.has(row));
  }

  /**
   * Transactions that a server passed over, when it has sent all that it will of what begins before `sentTo`; each is told of once. That may lie
   * beyond all WAL, for a subscriber that asked for it: what is written before it later is passed over as well.
   */
  passedOver(line: WalLine, sentTo: number): Committed[] {
    const upTo = Math.min(sentTo, line.end);
    const from = Math.max(this.#judgedTo, this.owedFrom(line));
    this.#judgedTo = Math.max(this.#judgedTo, upTo);
    const found = this.#notReceived(line, from, upTo).filter(({ rows }) =>
      rows.some((row) => !this.#told.has(row)),
    );
    for (const row of found.flatMap(({ rows }) => rows)) {
      this.#told.add(row);
    }
    return found;
  }

  #notReceived(line: WalLine, from: number, upTo: number): Committed[] {
    return from >= upTo
      ? []
      : line
          .committed(from, upTo)
          .filter((each) => each.database === this.#database && each.rows.length > 0 && !this.has(each));
  }
}
