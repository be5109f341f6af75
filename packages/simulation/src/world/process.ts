import type { SimEvent } from '../time/event-queue.ts';
import type { SimProcess } from '../types.ts';

/**
 * A process of the world. Killing it needs no help from what runs in it: what it waits for never comes, and nobody refers to it any more.
 */
export class Process implements SimProcess {
  readonly name: string;
  readonly node: string | undefined;
  readonly calls = new Map<string, number>();
  #state: SimProcess['state'] = 'running';
  #parked: SimEvent[] = [];
  readonly #deathWorks = new Set<() => void>();

  constructor(name: string, node: string | undefined) {
    this.name = name;
    this.node = node;
  }

  get state(): SimProcess['state'] {
    return this.#state;
  }

  onDeath(work: () => void): () => void {
    this.#deathWorks.add(work);
    return () => {
      this.#deathWorks.delete(work);
    };
  }

  kill(): void {
    if (this.#state === 'dead') {
      return;
    }
    this.#state = 'dead';
    this.#parked = [];
    for (const work of this.#deathWorks) {
      work();
    }
    this.#deathWorks.clear();
  }

  freeze(): void {
    if (this.#state === 'running') {
      this.#state = 'frozen';
    }
  }

  /** Returns what was due meanwhile, in its order. */
  wake(): readonly SimEvent[] {
    if (this.#state !== 'frozen') {
      return [];
    }
    this.#state = 'running';
    const parked = this.#parked;
    this.#parked = [];
    return parked;
  }

  /** Keeps an event for when it wakes. */
  park(event: SimEvent): void {
    this.#parked.push(event);
  }
}
