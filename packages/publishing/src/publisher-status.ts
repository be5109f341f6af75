import { aheadOutcomes, type Promotion } from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';
import type { PublisherMetrics, ReadinessCondition } from '@slotcast/observability';
import type { Publication } from './tenure.ts';

export type PublisherPhase = 'starting' | 'asleep' | 'claiming' | 'publishing';

/** A poll that takes longer than this, with its pause, means that the loop hangs. */
const STALL_MS = 60_000;

/** What the publisher says of itself: metrics and health checks. */
export class PublisherStatus {
  /** How the canary is, if it runs. It is told, and never makes the publisher unready. */
  canary: string | undefined;
  readonly #metrics: PublisherMetrics;
  readonly #clock: Clock;
  #phase: PublisherPhase = 'starting';
  #lastError: string | undefined;
  #aliveAt: number;

  constructor(metrics: PublisherMetrics, clock: Clock) {
    this.#metrics = metrics;
    this.#clock = clock;
    this.#aliveAt = clock.monotonicMs();
  }

  enter(phase: PublisherPhase, epoch?: number): void {
    this.#phase = phase;
    this.#aliveAt = this.#clock.monotonicMs();
    this.#metrics.isPublishing.set(phase === 'publishing' ? 1 : 0);
    if (phase === 'asleep' || phase === 'publishing') {
      this.#lastError = undefined;
    }
    if (phase === 'asleep') {
      // A server that became a standby would else be said to have the slots that it had as the primary.
      this.#metrics.slots.set(0);
      this.#metrics.unreadableSlots.set(0);
      this.#metrics.orphanedSlots.set(0);
    }
    if (phase === 'publishing' && epoch !== undefined) {
      this.#metrics.epoch.set(epoch);
      this.#metrics.claimsTotal.inc();
    }
  }

  /** What it is doing may go on for long, and has just come further. */
  progressed(): void {
    this.#aliveAt = this.#clock.monotonicMs();
  }

  failed(message: string): void {
    this.#lastError = message;
    this.#phase = 'starting';
    this.#metrics.isPublishing.set(0);
    this.#aliveAt = this.#clock.monotonicMs();
  }

  polled(
    queryMs: number,
    seen: { readonly slots: readonly unknown[]; readonly unreadable: readonly unknown[] },
  ): void {
    this.#aliveAt = this.#clock.monotonicMs();
    this.#metrics.pollSeconds.observe(queryMs / 1000);
    this.#metrics.slots.set(seen.slots.length);
    this.#metrics.unreadableSlots.set(seen.unreadable.length);
  }

  published({ events, withManifest }: Publication, ms: number): void {
    this.#metrics.transactionsTotal.inc();
    this.#metrics.publishSeconds.observe(ms / 1000);
    this.#metrics.lastPublishTimestampSeconds.set(this.#clock.now() / 1000);
    if (withManifest) {
      this.#metrics.eventsTotal.inc({ op: 'manifest' });
    }
    for (const event of events) {
      this.#metrics.eventsTotal.inc({ op: event.op });
    }
  }

  /** Shows what became of the slots when the server was promoted; nothing for a primary of which no promotion is known. */
  promoted(promotion: Promotion | undefined): void {
    for (const outcome of aheadOutcomes) {
      const slots = promotion?.ahead.filter((entry) => entry.outcome === outcome).length ?? 0;
      this.#metrics.promotionAheadSlots.set({ outcome }, slots);
    }
    this.#metrics.promotionLostSlots.set(promotion?.lost.length ?? 0);
    this.#metrics.promotionTimestampSeconds.set((promotion?.time ?? 0) / 1000);
  }

  /** How many slots are orphaned. */
  orphaned(slots: number): void {
    this.#metrics.orphanedSlots.set(slots);
  }

  standbySnapshotLogged(): void {
    this.#metrics.standbySnapshotsTotal.inc();
  }

  /** True as long as the loop turns. */
  alive(): boolean {
    return this.#clock.monotonicMs() - this.#aliveAt < STALL_MS;
  }

  checks(): ReadinessCondition[] {
    const role = this.#phase === 'asleep' ? 'asleep: the server is a standby' : this.#phase;
    return [
      {
        name: 'publisher',
        ok: this.#phase === 'asleep' || this.#phase === 'publishing',
        detail: this.#lastError ?? role,
      },
      ...(this.canary === undefined ? [] : [{ name: 'canary', ok: true, detail: this.canary }]),
    ];
  }
}
