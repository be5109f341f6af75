/** Weights of the newest duration in the usual one: a slow one is believed more slowly than a quick one. */
const RISE = 0.2;
const FALL = 0.5;
/** The quickest duration is believed a little less with every round that was slower. */
const CREEP = 1.05;
const CREEP_MS = 0.01;
/** Bound on the pause that slow work can cause, so that a stalled server does not silence a service for minutes. */
export const MAX_PAUSE_MS = 5000;

/** The duration to expect of work that is repeated, after it took `sampleMs`. A single slow one counts for at most twice the usual. */
export function usualDuration(usualMs: number, sampleMs: number): number {
  // One millisecond on top, or a usual time of zero could never grow.
  const counted = Math.min(sampleMs, usualMs * 2 + 1);
  return usualMs + (counted < usualMs ? FALL : RISE) * (counted - usualMs);
}

/**
 * What work that is repeated takes of a processor, by the quickest of the last rounds: the others waited for their turn as well, and on a busy machine
 * most do. To pause in proportion to that would make a service slow just when there is much to do.
 */
export function quickestDuration(quickestMs: number, sampleMs: number): number {
  return Math.min(sampleMs, quickestMs * CREEP + CREEP_MS);
}

/**
 * The longest pause between two rounds of work while nothing changes, in milliseconds: `idleMs`, or longer when a round usually takes
 * so long that it would be more than `share` of the time; never more than `MAX_PAUSE_MS` for that reason. Collecting the garbage of a round costs
 * about as much again.
 */
export function restPause(round: {
  readonly usualMs: number;
  readonly idleMs: number;
  readonly share: number;
}): number {
  return Math.max(round.idleMs, Math.min(round.usualMs / round.share, MAX_PAUSE_MS));
}
