/** A record with the time at which the broker stored it: one clock for all, whatever those of the nodes show. */
export interface Written<T> {
  readonly record: T;
  /** Milliseconds since 1970. */
  readonly writtenAt: number;
  /** When it arrived, by the monotonic clock here; absent for a record that was there before it was waited for. */
  readonly heardAtMs?: number | undefined;
}
