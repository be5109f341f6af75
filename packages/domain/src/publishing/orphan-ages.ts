import type { OrphanedSlot } from '../vocabulary/slot-event.ts';

/**
 * How long one process has seen slots orphaned. When that began is on record by the clock of whoever published then, which may be another machine's, or have been set since: by that alone
 * the last good copy would be given up at once where a clock is ahead. So what counts is the time that has passed on one monotonic clock, and a process that begins anew counts anew.
 */
export class OrphanAges {
  #seenAtMs: ReadonlyMap<string, number> = new Map();

  /** Takes all that are orphaned now. One that was not for a while, in between, has another beginning on record. */
  look(orphans: readonly OrphanedSlot[], monotonicMs: number): void {
    const before = this.#seenAtMs;
    this.#seenAtMs = new Map(
      orphans.map((orphan): [string, number] => {
        const key = keyOf(orphan);
        return [key, before.get(key) ?? monotonicMs];
      }),
    );
  }

  /** In milliseconds; 0 for one that was not there at the last look. */
  ageMs(orphan: OrphanedSlot, monotonicMs: number): number {
    return monotonicMs - (this.#seenAtMs.get(keyOf(orphan)) ?? monotonicMs);
  }
}

function keyOf({ name, incarnation, since }: OrphanedSlot): string {
  return [name, incarnation.epoch, incarnation.seq, since].join(' ');
}
