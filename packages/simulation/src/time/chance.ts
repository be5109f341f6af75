import type { Random } from '../types.ts';

/** Choices that the same seed repeats (mulberry32). */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    return fraction(this.#state);
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  chance(percent: number): boolean {
    return this.next() * 100 < percent;
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[this.below(list.length)];
    if (picked === undefined) {
      throw new RangeError('nothing to pick from');
    }
    return picked;
  }

  weighted<T>(weights: readonly (readonly [T, number])[]): T {
    const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
    let left = this.next() * total;
    for (const [value, weight] of weights) {
      left -= weight;
      if (left < 0) {
        return value;
      }
    }
    throw new RangeError('nothing to pick from');
  }
}

/**
 * A number from 0 up to 1 that depends on nothing but the seed and the labels. What is drawn so stays as it is when something else of the
 * history is left out.
 */
export function chanceOf(seed: number, ...labels: readonly (string | number)[]): number {
  let hash = (seed ^ 0x811c9dc5) >>> 0;
  for (const label of labels) {
    if (typeof label === 'number') {
      hash = Math.imul(hash ^ label, 0x01000193);
    } else {
      for (let index = 0; index < label.length; index += 1) {
        hash = Math.imul(hash ^ label.charCodeAt(index), 0x01000193);
      }
    }
    hash = Math.imul(hash ^ 0x2f, 0x01000193);
  }
  return fraction(hash >>> 0);
}

function fraction(state: number): number {
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
