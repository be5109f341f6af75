/**
 * The brokers to begin with, and what became of the last attempts: kafkajs would begin every client at the first entry, and wait there
 * although all others are well. Shared by all clients of one log.
 */
export class BootstrapServers {
  readonly #entries: readonly string[];
  /** Counts up; by entry, when it failed last. One that has answered since has none. */
  readonly #failures = new Map<string, number>();
  #clock = 0;
  #turn: number;

  /** `turn` is the index of the entry that is asked first; a random one by default, so that not all services begin at the same broker. */
  constructor(entries: readonly string[], turn = Math.floor(Math.random() * entries.length)) {
    this.#entries = entries;
    this.#turn = turn;
  }

  /** The entry to try now: in turns those that have not failed, and only then the one whose failure is the longest ago. */
  next(): string {
    const turn = this.#turn;
    this.#turn += 1;
    const inTurn = this.#entries.map(
      (_, index) => this.#entries[(turn + index) % this.#entries.length] ?? '',
    );
    const [first = ''] = inTurn.toSorted((a, b) => this.#failedAt(a) - this.#failedAt(b));
    return first;
  }

  /** A connection to this address was answered. */
  answered(address: string): void {
    this.#failures.delete(address);
  }

  /** A connection to this address failed, or nobody answered on it. */
  failed(address: string): void {
    this.#clock += 1;
    this.#failures.set(address, this.#clock);
  }

  #failedAt(entry: string): number {
    return this.#failures.get(entry) ?? 0;
  }
}
