import type { Outcome, Pending } from '../types.ts';

/** Whether an effect has not ended with what it returned. */
export function isPending<T>(result: T | Pending<T>): result is Pending<T> {
  return result instanceof PendingCall;
}

/** An effect that ends later. */
export class PendingCall<T> implements Pending<T> {
  #outcome: Outcome<T> | undefined;
  #tell: ((outcome: Outcome<T>) => void) | undefined;

  get ended(): boolean {
    return this.#outcome !== undefined;
  }

  settle(value: T): void {
    this.#end({ value });
  }

  fail(error: unknown): void {
    this.#end({ error });
  }

  whenEnded(tell: (outcome: Outcome<T>) => void): void {
    if (this.#outcome === undefined) {
      this.#tell = tell;
    } else {
      tell(this.#outcome);
    }
  }

  #end(outcome: Outcome<T>): void {
    if (this.#outcome === undefined) {
      this.#outcome = outcome;
      this.#tell?.(outcome);
    }
  }
}
