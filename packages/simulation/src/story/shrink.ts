import type { Act, Story } from './act.ts';

export interface ShrinkOptions {
  /** True when the story still shows what it is to show. */
  readonly fails: (story: Story) => Promise<boolean>;
  /** How often it may be asked. */
  readonly runs: number;
}

/** A wait of this length is not made shorter: what happens sooner than the services look again is another story, of a race. */
const LOOK_MS = 700;

/**
 * The shortest story that can be found to show the same: acts are left out in ever smaller parts (delta debugging) while the others keep their times,
 * then long waits are shortened, then slots and nodes left out that no act speaks of.
 */
export async function shrink(story: Story, options: ShrinkOptions): Promise<Story> {
  const attempts = new Attempts(options);
  let shortest = await withoutActs(story, attempts);
  shortest = await withSmallerCast(shortest, attempts);
  shortest = await withShorterWaits(shortest, attempts);
  return withoutActs(shortest, attempts);
}

class Attempts {
  readonly #fails: (story: Story) => Promise<boolean>;
  #left: number;

  constructor({ fails, runs }: ShrinkOptions) {
    this.#fails = fails;
    this.#left = runs;
  }

  async fails(story: Story): Promise<boolean> {
    if (this.#left <= 0) {
      return false;
    }
    this.#left -= 1;
    return this.#fails(story);
  }
}

async function withoutActs(story: Story, attempts: Attempts): Promise<Story> {
  let timed = timesOf(story.acts);
  for (let size = Math.ceil(timed.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < timed.length; ) {
      const rest = [...timed.slice(0, from), ...timed.slice(from + size)];
      if (await attempts.fails({ ...story, acts: inTurn(rest) })) {
        timed = rest;
      } else {
        from += size;
      }
    }
  }
  return { ...story, acts: inTurn(timed) };
}

interface TimedAct {
  readonly at: number;
  /** Absent for the end of the story. */
  readonly act: Act | undefined;
}

/** The acts but the waits, each with its time. */
function timesOf(acts: readonly Act[]): TimedAct[] {
  let at = 0;
  const timed: TimedAct[] = [];
  for (const act of acts) {
    if (act.kind === 'wait') {
      at += act.ms;
    } else {
      timed.push({ at, act });
    }
  }
  return [...timed, { at, act: undefined }];
}

function inTurn(timed: readonly TimedAct[]): Act[] {
  let now = 0;
  const acts: Act[] = [];
  for (const { at, act } of timed) {
    if (at > now) {
      acts.push({ kind: 'wait', ms: at - now });
      now = at;
    }
    if (act !== undefined) {
      acts.push(act);
    }
  }
  return acts;
}

async function withShorterWaits(story: Story, attempts: Attempts): Promise<Story> {
  let shortest = story;
  for (let index = 0; index < story.acts.length; index += 1) {
    for (;;) {
      const act = shortest.acts[index];
      if (act?.kind !== 'wait' || act.ms <= LOOK_MS) {
        break;
      }
      const shorter: Act = { kind: 'wait', ms: Math.max(LOOK_MS, Math.round(act.ms / 2)) };
      const acts = shortest.acts.map((each, at) => (at === index ? shorter : each));
      if (!(await attempts.fails({ ...shortest, acts }))) {
        break;
      }
      shortest = { ...shortest, acts };
    }
  }
  return shortest;
}

async function withSmallerCast(story: Story, attempts: Attempts): Promise<Story> {
  let shortest = story;
  for (const { name } of story.cast.slots) {
    const slots = shortest.cast.slots.filter((slot) => slot.name !== name);
    shortest = await smaller(shortest, { slots }, name, attempts);
  }
  for (const name of story.cast.nodes.slice(1)) {
    const nodes = shortest.cast.nodes.filter((node) => node !== name);
    shortest = await smaller(shortest, { nodes }, name, attempts);
  }
  return shortest;
}

async function smaller(
  story: Story,
  less: Partial<Story['cast']>,
  name: string,
  attempts: Attempts,
): Promise<Story> {
  const cast = { ...story.cast, ...less };
  const isEmpty = cast.slots.length === 0 || cast.nodes.length < 2;
  const candidate = { ...story, cast, acts: story.acts.filter((act) => !speaksOf(act, name)) };
  return !isEmpty && (await attempts.fails(candidate)) ? candidate : story;
}

function speaksOf(act: Act, name: string): boolean {
  return JSON.stringify(act).includes(`"${name}"`) || JSON.stringify(act).includes(`@${name}"`);
}
