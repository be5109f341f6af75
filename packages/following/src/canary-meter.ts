import {
  CANARY_SLOT,
  type CanaryLag,
  type CanaryWatch,
  freshCanaryWatch,
  hearCanary,
  isCanary,
  type Lsn,
  type Manifest,
  type Ownership,
  readCanary,
  type SlotEvent,
  type SlotName,
} from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';
import type { ConsumerMetrics } from '@slotcast/observability';
import type { ReachedPosition } from './moves/decoding-advances.ts';
import type { StandbyView } from './standby-server.ts';

/** Measures on this standby how long a change of the canary takes from the primary's disk to its slot here. */
export class CanaryMeter {
  readonly #clock: Clock;
  readonly #metrics: ConsumerMetrics;
  #watch: CanaryWatch = freshCanaryWatch;
  #last: CanaryLag | undefined;

  constructor(options: { clock: Clock; metrics: ConsumerMetrics }) {
    this.#clock = options.clock;
    this.#metrics = options.metrics;
  }

  /** The last measurement, while the slot is here. */
  get last(): CanaryLag | undefined {
    return this.#last;
  }

  /** Takes records of the slots topic in their order. */
  hear(records: readonly (SlotEvent | Manifest)[]): void {
    this.#watch = hearCanary(this.#watch, records);
  }

  /** Measures after a round of actions: `advanced` are the slots that moved since the look at the server. */
  measure(round: {
    view: StandbyView;
    advanced: readonly ReachedPosition[];
    ownership: ReadonlyMap<SlotName, Ownership>;
  }): void {
    const now = this.#clock.now();
    const position = round.ownership.has(CANARY_SLOT) ? positionHere(round) : undefined;
    const { watch, passed, overdueMs } = readCanary(this.#watch, { point: round.view, position, now });
    this.#watch = watch;
    passed.forEach(({ lagMs }) => this.#metrics.canarySeconds.observe(lagMs / 1000));
    const newest = passed.at(-1);
    if (newest !== undefined) {
      // Of changes that were passed together the first had waited for the longest time, and stands for all.
      this.#last = { lagMs: Math.max(...passed.map(({ lagMs }) => lagMs)), time: now };
      this.#metrics.canaryTimestampSeconds.set(newest.writtenAt / 1000);
    }
    if (position === undefined) {
      this.#last = undefined;
    }
    this.#metrics.canaryLagSeconds.set(Math.max(this.#last?.lagMs ?? 0, overdueMs) / 1000);
  }
}

function positionHere(round: {
  readonly view: StandbyView;
  readonly advanced: readonly ReachedPosition[];
}): Lsn | undefined {
  const moved = round.advanced.findLast(({ action }) => action.slot === CANARY_SLOT);
  const slot = round.view.slots.find((local) => isCanary(local) && !local.temporary);
  return slot === undefined ? undefined : (moved?.position ?? slot.confirmedFlushLsn);
}
