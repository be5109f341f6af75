import { Doorbell } from '@slotcast/kernel';

/** Wakes the loop of a session, and tells records that may have to wait for replay from everything else. */
export class SessionBell extends Doorbell {
  #stirred = false;

  /** Something happened that a new round has to look at. */
  override ring(): void {
    this.#stirred = true;
    super.ring();
  }

  /** Records of slots came. */
  ringForRecords(): void {
    super.ring();
  }

  /** True when it rang for more than records since it was asked last. */
  takeStirred(): boolean {
    const stirred = this.#stirred;
    this.#stirred = false;
    return stirred;
  }
}
