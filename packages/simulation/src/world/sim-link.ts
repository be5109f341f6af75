import type { Link, LinkState } from '../types.ts';

/** A way that calls take, and what waits on it while it is silent. */
export class SimLink implements Link {
  readonly name: string;
  #state: LinkState = 'up';
  #held: (() => void)[] = [];
  readonly #listeners = new Set<(state: LinkState) => void>();
  /** Does work as an event of the world. */
  readonly #soon: (work: () => void) => void;

  constructor(name: string, soon: (work: () => void) => void) {
    this.name = name;
    this.#soon = soon;
  }

  get state(): LinkState {
    return this.#state;
  }

  set(state: LinkState): void {
    if (state === this.#state) {
      return;
    }
    this.#state = state;
    const held = this.#held;
    if (state !== 'silent') {
      this.#held = [];
    }
    this.#soon(() => {
      for (const listener of Array.from(this.#listeners)) {
        listener(state);
      }
      if (state !== 'silent') {
        for (const work of held) {
          work();
        }
      }
    });
  }

  onChange(work: (state: LinkState) => void): () => void {
    this.#listeners.add(work);
    return () => {
      this.#listeners.delete(work);
    };
  }

  /** Does `work` when the link is not silent any more. */
  hold(work: () => void): void {
    this.#held.push(work);
  }
}
