/** Wakes those who wait for a condition to be looked at again. */
export class WakeUp {
  readonly #waiting = new Set<() => void>();

  /** Wakes everyone who waits now. */
  notify(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) {
      wake();
    }
  }

  /** Resolves at the next `notify`, or after `timeoutMs` if that is given. Rejects with the signal's reason when aborted. */
  wait(options: { readonly signal?: AbortSignal; readonly timeoutMs?: number }): Promise<void> {
    const { signal, timeoutMs } = options;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        this.#waiting.delete(wake);
      };
      const wake = (): void => {
        end();
        resolve();
      };
      const abort = (): void => {
        end();
        reject(signal?.reason);
      };
      const timer = timeoutMs === undefined ? undefined : setTimeout(wake, timeoutMs);
      if (signal?.aborted === true) {
        abort();
        return;
      }
      signal?.addEventListener('abort', abort);
      this.#waiting.add(wake);
    });
  }
}
