import type { SlotName } from '@slotcast/domain';
import { StatementTimeoutError } from '@slotcast/postgres';

/** A slot is decoded for so long at most, as it cannot be moved meanwhile. */
const TURN_MS = 2000;
const LONGEST_TURN_MS = 60_000;
const TURN_TIMES = 4;

/** How long the turns of slots are, in milliseconds: longer after one that gained nothing, as what was decoded in it is decoded again. */
export class SlotTurns {
  readonly #turnMs = new Map<SlotName, number>();

  of(slot: SlotName): number {
    return this.#turnMs.get(slot) ?? TURN_MS;
  }

  gainedNothing(slot: SlotName): void {
    this.#turnMs.set(slot, Math.min(this.of(slot) * TURN_TIMES, LONGEST_TURN_MS));
  }

  gained(slot: SlotName): void {
    this.#turnMs.delete(slot);
  }
}

/** For a turn that is over before all is decoded: what was decoded until then counts, and the next look tells whether that was anything. */
export function takeCut(error: unknown): void {
  if (!(error instanceof StatementTimeoutError)) {
    throw error;
  }
}
