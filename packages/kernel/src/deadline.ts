import { asError } from './as-error.ts';

/**
 * A signal that is aborted when another one is, or after some time. To be disposed of when the wait is over.
 *
 * It keeps its timer alive: in Node 20 a signal of `AbortSignal.timeout` that only `AbortSignal.any` refers to may be collected as garbage,
 * and then never comes.
 */
export class Deadline implements Disposable {
  readonly signal: AbortSignal;
  readonly #outer: AbortSignal | undefined;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #passOn = (): void => this.#controller.abort(this.#outer?.reason);
  #expired = false;

  /** `outer` is absent where nothing else ends the wait. */
  constructor(outer: AbortSignal | undefined, ms: number) {
    this.#outer = outer;
    this.signal = this.#controller.signal;
    this.#timer = setTimeout(() => {
      this.#expired = true;
      this.#controller.abort(new DOMException(`not done within ${ms} ms`, 'TimeoutError'));
    }, ms);
    outer?.addEventListener('abort', this.#passOn, { once: true });
    if (outer?.aborted === true) {
      this.#passOn();
    }
  }

  /** True once the time is over; false when the other signal came first. */
  get expired(): boolean {
    return this.#expired;
  }

  /** What the promise comes to, unless the signal is aborted before; then its reason, and what comes late is dropped. */
  race<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this;
    return new Promise<T>((resolve, reject) => {
      const giveUp = (): void => reject(asError(signal.reason));
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) {
        giveUp();
      }
      const settle = (): void => signal.removeEventListener('abort', giveUp);
      promise.then(resolve, reject).then(settle, settle);
    });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#passOn);
  }
}
