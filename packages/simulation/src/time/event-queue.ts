import type { SimProcess, SimTimer } from '../types.ts';

/** Something that is done at a moment, for a process. It stands in for what `setTimeout` returns, too. */
export class SimEvent implements SimTimer {
  readonly process: SimProcess;
  at: number;
  order: number;
  work: (() => unknown) | undefined;

  constructor(at: number, order: number, process: SimProcess, work: () => unknown) {
    this.at = at;
    this.order = order;
    this.process = process;
    this.work = work;
  }

  cancel(): void {
    this.work = undefined;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

/** Events in the order of their moments; those of the same moment in the order in which they were added. A binary heap. */
export class EventQueue {
  readonly #heap: SimEvent[] = [];
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }

  add(at: number, process: SimProcess, work: () => unknown): SimEvent {
    const event = new SimEvent(at, 0, process, work);
    this.put(event);
    return event;
  }

  /** Adds an event that was taken out before, behind all others of its moment. */
  put(event: SimEvent): void {
    event.order = this.#order;
    this.#order += 1;
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, event)) {
        break;
      }
      heap[index] = parent;
      index = above;
    }
    heap[index] = event;
  }

  /** The earliest event, if it is not later than `until`. */
  take(until: number): SimEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.at > until) {
      return undefined;
    }
    const last = heap.pop();
    if (last !== undefined && last !== first) {
      this.#sink(last);
    }
    return first;
  }

  #sink(event: SimEvent): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let below = 2 * index + 1;
      const left = heap[below];
      if (left === undefined) {
        break;
      }
      const right = heap[below + 1];
      let child = left;
      if (right !== undefined && isBefore(right, left)) {
        below += 1;
        child = right;
      }
      if (isBefore(event, child)) {
        break;
      }
      heap[index] = child;
      index = below;
    }
    heap[index] = event;
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
