import { reasonText, type UnreadableSlot } from '@slotcast/domain';
import type { Logger } from '@slotcast/kernel';

/** Tells of slots whose rows cannot be right: once when one is found, and once when it is right again, however often it is looked at. */
export class UnreadableSlots {
  readonly #logger: Logger;
  #told = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Takes all that one look has found. */
  take(found: readonly UnreadableSlot[]): void {
    const now = new Set(found.map(({ slot }) => slot));
    for (const { slot, reason } of found.filter((entry) => !this.#told.has(entry.slot))) {
      this.#logger.error(
        { slot, reason: reasonText([reason]) },
        'left a slot alone: its row cannot be right',
      );
    }
    for (const slot of this.#told) {
      if (!now.has(slot)) {
        this.#logger.info({ slot }, 'a slot that was left alone is right again, or gone');
      }
    }
    this.#told = now;
  }
}
