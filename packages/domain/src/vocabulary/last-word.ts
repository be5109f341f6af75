/** The last that was heard of a publisher. */
export interface LastWord {
  /** By the monotonic clock of this process. */
  readonly heardAtMs: number;
  /** WAL that its server wrote in a second, over the last half minute that it told of. */
  readonly bytesPerSecond: number;
}
