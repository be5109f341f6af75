/**
 * What decoding costs on a server, in processor time. Only durations can be measured from outside, and on a busy machine a statement waits for
 * the processor most of the time; the quickest of the recent ones waited least.
 */
export interface DecodingCost {
  /** Milliseconds per MiB of the last statements that decoded enough to tell. */
  readonly recent: readonly number[];
}

export const unknownCost: DecodingCost = { recent: [] };

const MIB = 1024 * 1024;
/** As measured on a server with one core to itself; until more is known. */
const USUAL_MS_PER_MIB = 0.35;
/** Statements that decode less are mostly other work. */
const LEAST_BYTES = 8 * MIB;
const REMEMBERED = 16;
/** WAL of other databases and of physical changes is skipped quickly, and a loaded server never tells: neither is believed without a limit. */
const LEAST_MS_PER_MIB = 0.05;
const MOST_MS_PER_MIB = 2;

/** What is known after a statement that decoded `bytes` within `tookMs`. */
export function noteDecoding(cost: DecodingCost, seen: { bytes: number; tookMs: number }): DecodingCost {
  if (seen.bytes < LEAST_BYTES) {
    return cost;
  }
  return { recent: [...cost.recent, (seen.tookMs * MIB) / seen.bytes].slice(-REMEMBERED) };
}

/** Milliseconds of a core that it takes to decode so much WAL. */
export function decodingMs({ recent }: DecodingCost, bytes: number): number {
  const quickest = recent.length === 0 ? USUAL_MS_PER_MIB : Math.min(...recent);
  const msPerMib = Math.min(Math.max(quickest, LEAST_MS_PER_MIB), MOST_MS_PER_MIB);
  return (bytes / MIB) * msPerMib;
}

/** The same for a statement that was seen to take `tookMs`: no more than that. */
export function decodedMs(cost: DecodingCost, seen: { bytes: number; tookMs: number }): number {
  return Math.min(decodingMs(cost, seen.bytes), seen.tookMs);
}
