/** Transactions per second in which the load is written: many small ones, as applications have. */
const TRANSACTIONS_PER_SECOND = 100;

/** Bytes that should have been written by now and were not; 0 or less when the load is ahead. */
export function owedBytes(at: {
  readonly bytesPerSecond: number;
  readonly elapsedMs: number;
  readonly written: number;
}): number {
  return (at.bytesPerSecond * at.elapsedMs) / 1000 - at.written;
}

/** Rows of one transaction, so that the wanted load takes about a hundred transactions per second. */
export function rowsFor(load: { readonly bytesPerSecond: number; readonly rowBytes: number }): number {
  return Math.max(1, Math.round(load.bytesPerSecond / TRANSACTIONS_PER_SECOND / load.rowBytes));
}
