import {
  endOfWal,
  type LocalSlot,
  type Plan,
  type Reason,
  reasonText,
  type SettledBacklog,
  type SlotName,
  type SlotType,
  type SlotVerdict,
  slotLag,
} from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';
import type { ConsumerMetrics, HealthSource, ReadinessCondition } from '@slotcast/observability';
import type { SlotsFeed } from '@slotcast/topics';
import { labelsOf } from './slot-labels.ts';
import type { StandbyView } from './standby-server.ts';

export type ConsumerPhase = 'starting' | 'asleep' | 'replaying' | 'following';

/** A loop that has not turned for so long hangs. */
const STALL_MS = 120_000;

/** What the consumer says of itself: metrics and health checks. */
export class ConsumerStatus implements HealthSource {
  readonly #metrics: ConsumerMetrics;
  readonly #clock: Clock;
  readonly #heartbeatStaleMs: number;
  #phase: ConsumerPhase = 'starting';
  #lastError: string | undefined;
  #heartbeatAgeMs = Number.POSITIVE_INFINITY;
  /** Why nothing may be concluded from the topic. */
  #alarm: Reason | undefined;
  /** Why the slot filter has to be confirmed. */
  #filterDoubt: Reason | undefined;
  #aliveAt: number;
  readonly #looked = new Map<SlotName, SlotVerdict>();
  readonly #shownLag = new Map<SlotName, { readonly bytes: bigint; readonly type: SlotType }>();

  constructor(options: { metrics: ConsumerMetrics; clock: Clock; heartbeatStaleMs: number }) {
    this.#metrics = options.metrics;
    this.#clock = options.clock;
    this.#heartbeatStaleMs = options.heartbeatStaleMs;
    this.#aliveAt = options.clock.monotonicMs();
    this.#forgetAll();
  }

  enter(phase: ConsumerPhase): void {
    this.#phase = phase;
    this.#aliveAt = this.#clock.monotonicMs();
    if (phase === 'asleep' || phase === 'following') {
      this.#lastError = undefined;
    }
    if (phase !== 'following') {
      this.#forgetAll();
    }
  }

  /** What it is doing may go on for long, and has just come further. */
  progressed(): void {
    this.#aliveAt = this.#clock.monotonicMs();
  }

  get isAsleep(): boolean {
    return this.#phase === 'asleep';
  }

  failed(message: string): void {
    this.#lastError = message;
    this.enter('starting');
  }

  /** Takes one round of the loop into the metrics. */
  looked(round: {
    plan: Plan;
    view: StandbyView;
    settled: SettledBacklog;
    feed: SlotsFeed;
    alarm: Reason | undefined;
    decodingSlots: number;
  }): void {
    const { plan, view, settled, feed, alarm } = round;
    this.#alarm = alarm;
    this.#filterDoubt = plan.filterDoubt;
    this.enter('following');
    this.#heartbeatAgeMs = feed.heartbeatAgeMs();
    this.#metrics.publisherHeartbeatAgeSeconds.set(this.#heartbeatAgeMs / 1000);
    this.#metrics.topicAlarm.set(alarm === undefined ? 0 : 1);
    this.#metrics.waitingEvents.set(settled.waiting.size);
    this.#metrics.decodingSlots.set(round.decodingSlots);
    // The same verdict as before is that of a slot at rest, which has no lag.
    const changed = plan.verdicts.filter((entry) => this.#looked.get(entry.slot) !== entry);
    if (changed.length === 0 && this.#looked.size === plan.verdicts.length) {
      return;
    }
    const local = new Map(view.slots.map((slot) => [slot.name, slot]));
    const now = this.#clock.now();
    for (const entry of changed) {
      this.#looked.set(entry.slot, entry);
      this.#metrics.slotState.set(entry.slot, entry.state, typeOf(entry));
      const event = settled.desired.get(entry.slot);
      const slot = local.get(entry.slot);
      this.#showKept(entry, slot, view);
      if (event !== undefined && slot !== undefined) {
        const waiting = settled.waiting.get(entry.slot);
        this.#showLag(entry, slotLag({ event, waiting, local: slot, now }).bytes);
      }
    }
    this.#forget(new Set(plan.verdicts.map((entry) => entry.slot)));
  }

  alive(): boolean {
    return this.#clock.monotonicMs() - this.#aliveAt < STALL_MS;
  }

  checks(): ReadinessCondition[] {
    const role = this.#phase === 'asleep' ? 'asleep: the server is a primary' : this.#phase;
    const works = this.#phase === 'asleep' || this.#phase === 'following';
    const checks = [{ name: 'consumer', ok: works, detail: this.#lastError ?? role }];
    if (this.#phase === 'following') {
      checks.push(this.#heartbeatCheck());
      checks.push(checkOf('topic', this.#alarm, 'one primary'));
      checks.push(checkOf('filter', this.#filterDoubt, 'selects slots'));
    }
    return checks;
  }

  #heartbeatCheck(): ReadinessCondition {
    if (!Number.isFinite(this.#heartbeatAgeMs)) {
      return {
        name: 'publisher',
        ok: false,
        detail: 'no manifest in the topic: start slotcast beside the primary',
      };
    }
    const seconds = Math.round(this.#heartbeatAgeMs / 1000);
    return {
      name: 'publisher',
      ok: this.#heartbeatAgeMs <= this.#heartbeatStaleMs,
      detail: `last heard of ${seconds} s ago`,
    };
  }

  /** Touches the gauge only on a change: at rest the lag stays 0. */
  #showLag(entry: SlotVerdict, bytes: bigint): void {
    const { slot } = entry;
    const type = typeOf(entry);
    const shown = this.#shownLag.get(slot);
    if (shown?.bytes !== bytes || shown.type !== type) {
      this.#removeLag(slot);
      this.#shownLag.set(slot, { bytes, type });
      this.#metrics.slotLagBytes.set(labelsOf(slot, type), Number(bytes));
    }
  }

  #removeLag(slot: SlotName): void {
    this.#metrics.slotLagBytes.remove(labelsOf(slot, this.#shownLag.get(slot)?.type));
    this.#shownLag.delete(slot);
  }

  /** What a copy costs that is kept of an orphaned slot. */
  #showKept({ slot, orphaned }: SlotVerdict, here: LocalSlot | undefined, view: StandbyView): void {
    if (orphaned === true && here?.restartLsn !== undefined) {
      const bytes = endOfWal(view) - here.restartLsn;
      this.#metrics.orphanedWalBytes.set(labelsOf(slot), Number(bytes));
    } else {
      this.#metrics.orphanedWalBytes.remove(labelsOf(slot));
    }
  }

  /** What is not followed is not known: a gauge that kept its last value would show slots as ready on a server that is a primary now, or gone. */
  #forgetAll(): void {
    this.#heartbeatAgeMs = Number.POSITIVE_INFINITY;
    this.#metrics.publisherHeartbeatAgeSeconds.remove();
    this.#metrics.topicAlarm.remove();
    this.#metrics.waitingEvents.remove();
    this.#metrics.decodingSlots.remove();
    this.#forget(new Set());
  }

  #forget(present: ReadonlySet<SlotName>): void {
    for (const slot of this.#looked.keys()) {
      if (!present.has(slot)) {
        this.#metrics.slotState.remove(slot);
        this.#metrics.orphanedWalBytes.remove(labelsOf(slot));
        this.#looked.delete(slot);
        this.#removeLag(slot);
      }
    }
  }
}

function typeOf({ physical }: SlotVerdict): SlotType {
  return physical === true ? 'physical' : 'logical';
}

function checkOf(name: string, fault: Reason | undefined, otherwise: string): ReadinessCondition {
  return { name, ok: fault === undefined, detail: fault === undefined ? otherwise : reasonText([fault]) };
}
