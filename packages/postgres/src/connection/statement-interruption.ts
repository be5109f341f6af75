import { DatabaseError } from 'pg';
import { StatementTimeoutError } from './connection-error.ts';

/** When a statement is to be given up. */
export interface StatementLimits {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** How to reach a statement that is under way on the server. */
export interface StatementControl {
  /** Asks the server to interrupt the statement; resolves when no later statement can be hit by it. */
  readonly cancel: () => Promise<void>;
  /** Drops the connection. */
  readonly cut: () => void;
  /** How long the server may take to obey. */
  readonly graceMs: number;
}

/** Watches the limits of one running statement, and interrupts it when one is reached. */
export class StatementInterruption {
  readonly #control: StatementControl;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#interrupt(this.#signal?.reason);
  readonly #timer: NodeJS.Timeout | undefined;
  #interrupted: { readonly reason: unknown; readonly cancelled: Promise<void> } | undefined;
  #cutOff: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(statement: string, limits: StatementLimits, control: StatementControl) {
    const { signal, timeoutMs } = limits;
    this.#control = control;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (timeoutMs !== undefined) {
      this.#timer = setTimeout(
        () => this.#interrupt(new StatementTimeoutError(statement, timeoutMs)),
        timeoutMs,
      );
    }
  }

  /** What to report for an error of the statement: the limit that was reached, if the error comes of it. */
  explain(error: unknown): unknown {
    const fromServer = error instanceof DatabaseError && error.code !== '57014';
    return this.#interrupted === undefined || fromServer ? error : this.#interrupted.reason;
  }

  /** To be called when the statement has ended. Resolves when a cancellation under way can hit no other statement. */
  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#cutOff);
    this.#signal?.removeEventListener('abort', this.#onAbort);
    await this.#interrupted?.cancelled;
  }

  #interrupt(reason: unknown): void {
    if (this.#interrupted === undefined && !this.#ended) {
      this.#cutOff = setTimeout(this.#control.cut, this.#control.graceMs);
      this.#interrupted = { reason, cancelled: this.#cancel() };
    }
  }

  async #cancel(): Promise<void> {
    try {
      await this.#control.cancel();
    } catch {
      // A server that takes no cancel request will hardly answer the statement: the cut is what makes it reject.
      if (!this.#ended) {
        this.#control.cut();
      }
    }
  }
}
