/** The rows that one subscriber received, in memory. */
export class ReceivedRows {
  readonly #latencies = new Map<number, number>();
  #again = 0;
  #watched: { readonly from: number; at: number | undefined } | undefined;

  /** How many different rows arrived. */
  get count(): number {
    return this.#latencies.size;
  }

  /** How often a row arrived that had arrived before. */
  get duplicates(): number {
    return this.#again;
  }

  has(row: number): boolean {
    return this.#latencies.has(row);
  }

  /** The numbers of the rows. */
  numbers(): Iterable<number> {
    return this.#latencies.keys();
  }

  /** Milliseconds from each row's insert until it arrived for the first time. */
  latenciesMs(): Iterable<number> {
    return this.#latencies.values();
  }

  /** Takes one row. `now` is in milliseconds since 1970, `monotonicMs` since an arbitrary moment. */
  take(row: { number: number; writtenAtUs: number }, time: { now: number; monotonicMs: number }): void {
    if (this.#latencies.has(row.number)) {
      this.#again += 1;
      return;
    }
    this.#latencies.set(row.number, time.now - row.writtenAtUs / 1000);
    if (this.#watched !== undefined && row.number >= this.#watched.from) {
      this.#watched.at ??= time.monotonicMs;
    }
  }

  /** From now on looks out for the first row with this number or a higher one. */
  watchFor(from: number): void {
    this.#watched = { from, at: undefined };
  }

  /** When the row that is looked out for arrived, on the monotonic clock; `undefined` before. */
  get watchedRowAt(): number | undefined {
    return this.#watched?.at;
  }
}
