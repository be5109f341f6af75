import {
  largestGapBytes,
  noBacklog,
  noteBacklog,
  noteWal,
  noWalRate,
  type Plan,
  type RestartBacklog,
  type RestartGap,
  restartGaps,
  urgentGapBytes,
  walPerSecond,
} from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';
import type { ConsumerMetrics } from '@slotcast/observability';
import { sameElements } from '../same-elements.ts';
import type { RestartFacts } from './restart-facts.ts';

/** It is measured this often at most. */
const MEASURE_MS = 250;

/**
 * Measures how far restart_lsn is behind, and whether it falls behind faster than it is made up. By the rounds of the session's loop, and not by the work: one piece of that
 * may take minutes, and that is when it matters.
 */
export class RestartMeter {
  readonly #clock: Clock;
  readonly #metrics: ConsumerMetrics;
  readonly #restartGapBytes: bigint;
  #measuredAt = Number.NEGATIVE_INFINITY;
  #largestBytes: bigint;
  #urgentBytes: bigint;
  #rate = noWalRate;
  #watch = noBacklog;

  constructor(options: {
    readonly clock: Clock;
    readonly metrics: ConsumerMetrics;
    readonly restartGapBytes: bigint;
  }) {
    this.#clock = options.clock;
    this.#metrics = options.metrics;
    this.#restartGapBytes = options.restartGapBytes;
    this.#largestBytes = options.restartGapBytes;
    this.#urgentBytes = urgentGapBytes({}, options.restartGapBytes);
  }

  /** Present while restart_lsn falls behind faster than it is made up. */
  get backlog(): RestartBacklog | undefined {
    return this.#watch.backlog;
  }

  /** WAL that the primary writes, in bytes a second. */
  get walPerSecond(): number {
    return walPerSecond(this.#rate);
  }

  /** The gap from which on something is done. */
  get largestBytes(): bigint {
    return this.#largestBytes;
  }

  /** The gap from which on it is urgent. */
  get urgentBytes(): bigint {
    return this.#urgentBytes;
  }

  /** To be called in every round. */
  measure(facts: RestartFacts): void {
    const now = this.#clock.monotonicMs();
    if (now - this.#measuredAt < MEASURE_MS) {
      return;
    }
    this.#measuredAt = now;
    const gaps = gapsOf(facts);
    const largestBytes = largestGapBytes(facts.view.settings.slotLimits, this.#restartGapBytes);
    this.#largestBytes = largestBytes;
    this.#urgentBytes = urgentGapBytes(facts.view.settings.slotLimits, this.#restartGapBytes);
    this.#rate = noteWal(this.#rate, { now, lsn: facts.view.replayLsn });
    this.#watch = noteBacklog(this.#watch, { gaps, largestBytes, now, time: this.#clock.now() });
    this.#metrics.restartGapBytes.set(
      Number(gaps.reduce((most, { bytes }) => (bytes > most ? bytes : most), 0n)),
    );
    this.#metrics.restartBacklogSlots.set(this.backlog?.slots ?? 0);
  }
}

/** By the slots that were seen. */
const measured = new WeakMap<RestartFacts['view']['slots'], MeasuredGaps>();

interface MeasuredGaps extends Pick<RestartFacts, 'desired'>, Pick<Plan, 'verdicts'> {
  readonly gaps: readonly RestartGap[];
}

/**
 * The gaps of all slots as a round saw them. Several ask for them, in every round, and for the same ones again and again while nothing changes: they are worked
 * out once.
 */
export function gapsOf({
  view,
  plan,
  desired,
}: Pick<RestartFacts, 'view' | 'plan' | 'desired'>): readonly RestartGap[] {
  const { slots: local } = view;
  const { verdicts } = plan;
  const known = measured.get(local);
  if (known !== undefined && known.desired === desired && sameElements(known.verdicts, verdicts)) {
    return known.gaps;
  }
  const gaps = restartGaps({ verdicts, local, desired });
  measured.set(local, { verdicts, desired, gaps });
  return gaps;
}
