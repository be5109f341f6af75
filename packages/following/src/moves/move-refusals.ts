import { databaseKey, type Reason, type SlotDatabase, type SlotName, sameReason } from '@slotcast/domain';
import type { Clock } from '@slotcast/kernel';

/** How long a slot that cannot be moved without decoding is left to decoding, before it is tried again. */
const SLOT_PAUSE_MS = 600_000;
/** The same for a database that has no walsender session. */
const DATABASE_PAUSE_MS = 30_000;

interface Refusal {
  readonly reason: Reason;
  /** Monotonic milliseconds. */
  readonly retryAt: number;
}

/** Remembers which slots, and which databases, cannot be moved without decoding, and why. */
export class MoveRefusals {
  readonly #clock: Clock;
  readonly #slots = new Map<SlotName, Refusal>();
  /** By `databaseKey`. */
  readonly #databases = new Map<string, Refusal>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isEmpty(): boolean {
    return this.#slots.size + this.#databases.size === 0;
  }

  /** False while decoding has to do: the pause after the last attempt is not over. */
  mayTry(slot: SlotName, database: SlotDatabase): boolean {
    const now = this.#clock.monotonicMs();
    return [this.#slots.get(slot), this.#databases.get(databaseKey(database))].every(
      (refusal) => refusal === undefined || now >= refusal.retryAt,
    );
  }

  /** Why the slot takes decoding, as far as the last attempt told. */
  reasonOf(slot: SlotName, database: SlotDatabase): Reason | undefined {
    return (this.#slots.get(slot) ?? this.#databases.get(databaseKey(database)))?.reason;
  }

  /** True when it is news. */
  refuseSlot(slot: SlotName, reason: Reason): boolean {
    const known = this.#slots.get(slot)?.reason;
    this.#slots.set(slot, { reason, retryAt: this.#clock.monotonicMs() + SLOT_PAUSE_MS });
    return !sameReason(known, reason);
  }

  /** True when it is news. */
  refuseDatabase(database: SlotDatabase, reason: Reason): boolean {
    const key = databaseKey(database);
    const known = this.#databases.get(key)?.reason;
    this.#databases.set(key, { reason, retryAt: this.#clock.monotonicMs() + DATABASE_PAUSE_MS });
    return !sameReason(known, reason);
  }

  /** The slot was moved without decoding, or is another one now. */
  forgetSlot(slot: SlotName): void {
    this.#slots.delete(slot);
  }

  /** The database has a walsender session that answers. */
  forgetDatabase(database: SlotDatabase): void {
    this.#databases.delete(databaseKey(database));
  }
}
