import type { Clock } from '@slotcast/kernel';
import type { StatementLimits } from '@slotcast/postgres';

/** What takes no longer has waited for nobody: the server needs that long itself. */
const OWN_MS = 250;

/** Time that may be spent on waiting for others. What the server takes itself for step after step does not count. */
export class Patience {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #leftMs: number;

  constructor(ms: number, { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal }) {
    this.#leftMs = ms;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Nothing is waited for any more. */
  get isOver(): boolean {
    return this.#leftMs <= 0;
  }

  /** Does a step that may have to wait, within what is left. */
  async spend<T>(step: (limits: StatementLimits) => Promise<T>): Promise<T> {
    const started = this.#clock.monotonicMs();
    try {
      return await step({ signal: this.#signal, timeoutMs: Math.max(OWN_MS, this.#leftMs) });
    } finally {
      const tookMs = this.#clock.monotonicMs() - started;
      this.#leftMs -= tookMs >= OWN_MS ? tookMs : 0;
    }
  }
}
