/** Environment variable that repeats a run of the random tests. */
const SEED_VARIABLE = 'SLOTCAST_TEST_SEED';
/** Environment variable for a long run: how many times as much is tried. */
const ROUNDS_VARIABLE = 'SLOTCAST_TEST_ROUNDS';

/** How many times a random test is to repeat itself; once unless a long run is asked for. */
export function testRounds(): number {
  return numberFrom(ROUNDS_VARIABLE) ?? 1;
}

/** Where a random test begins: another place at each run, unless one is to be repeated. */
export function testSeed(): number {
  return numberFrom(SEED_VARIABLE) ?? Math.floor(Math.random() * 2 ** 31);
}

/** Runs `work` with random choices, and has an error say how to repeat them. */
export async function withSeed(seed: number, work: (random: RandomSource) => Promise<void>): Promise<void> {
  try {
    await work(new RandomSource(seed));
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`with ${SEED_VARIABLE}=${seed}: ${text}`, { cause: error });
  }
}

/** Choices that the same seed repeats (mulberry32). */
export class RandomSource {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 to `count` - 1. */
  below(count: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * count);
  }

  /** True in `percent` of 100 cases. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    const picked = list[this.below(list.length)];
    if (picked === undefined) {
      throw new RangeError('nothing to pick from');
    }
    return picked;
  }

  /** One of several values, each as often as its weight says. */
  weighted<T>(weights: readonly (readonly [T, number])[]): T {
    return this.pick(weights.flatMap(([value, weight]) => Array.from({ length: weight }, () => value)));
  }
}

function numberFrom(variable: string): number | undefined {
  const text = process.env[variable] ?? '';
  if (text === '') {
    return undefined;
  }
  if (!/^\d+$/.test(text)) {
    throw new RangeError(`${variable} must be a whole number, not ${JSON.stringify(text)}`);
  }
  return Number(text);
}
