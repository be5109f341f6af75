import { SeededRandom } from '../time/chance.ts';
import type { Random } from '../types.ts';
import type { Cast, CastSlot, Story } from './act.ts';
import { disturb, failOver, type Theme, themes } from './disturb.ts';
import { Draft } from './draft.ts';
import { peace, sound } from './sound.ts';

export interface GenerateOptions {
  readonly seed: number;
  /** How many acts, roughly. */
  readonly acts: number;
  /** Absent: one of those that are about a fault is drawn. */
  readonly theme?: Theme | SilentTheme | undefined;
}

/** Themes in which nothing may be found. `peace`: nothing fails; `sound`: what fails is what today's rules are made for. */
export const silentThemes = ['peace', 'sound'] as const;
type SilentTheme = (typeof silentThemes)[number];

/** How often publishers look: most looks find nothing, so mostly seldom. */
const polls: readonly (readonly [NonNullable<Cast['pollMs']>, number])[] = [
  [{ min: 100, max: 500 }, 2],
  [{ min: 250, max: 1000 }, 4],
  [{ min: 500, max: 2000 }, 4],
];

/** A story from a seed. */
export function generate(options: GenerateOptions): Story {
  const { seed } = options;
  const random = new SeededRandom(seed);
  const theme = options.theme ?? random.pick(themes);
  const draft = new Draft(castOf(random, theme), random);
  leaveInTheMiddle(draft);
  warmUp(draft);
  if (theme === 'peace') {
    peace(draft, options.acts);
  } else if (theme === 'sound') {
    sound(draft, options.acts);
  } else {
    trouble(draft, theme, options.acts);
  }
  draft.add({ kind: 'traffic', rows: 1, everyMs: 200, ms: 1000 }, { kind: 'wait', ms: 1500 });
  return { version: 1, title: theme, seed, cast: draft.cast, acts: draft.acts };
}

function castOf(random: Random, theme: Theme | SilentTheme): Cast {
  const nodes = random.chance(theme === 'blocked' ? 10 : 60) ? ['a', 'b'] : ['a', 'b', 'c'];
  const slots = ['app', 'web', 'log']
    .slice(0, 1 + random.below(3))
    .map((name) => castSlot(random, name, theme));
  const wanted = wantedIn(theme, nodes, slots);
  // What the silent themes wait for is told by publishers that look often.
  const isSilent = silentThemes.some((silent) => silent === theme);
  const pollMs = isSilent ? undefined : random.weighted(polls);
  const onDivergence = random.chance(70) || theme === 'sound' ? 'fence' : 'quarantine';
  return {
    nodes,
    slots,
    onDivergence,
    ...(pollMs === undefined ? {} : { pollMs }),
    ...(wanted === undefined ? {} : { wanted }),
  };
}

/** Filters of the nodes: one that wants nothing, or all without what a DBA makes besides. */
function wantedIn(
  theme: Theme | SilentTheme,
  nodes: readonly string[],
  slots: readonly CastSlot[],
): Cast['wanted'] {
  if (theme === 'blocked') {
    return { b: [] };
  }
  const names = slots.map(({ name }) => name);
  return theme === 'remade' ? Object.fromEntries(nodes.map((node) => [node, names])) : undefined;
}

function castSlot(random: Random, name: string, theme: Theme | SilentTheme): CastSlot {
  const memory = random.chance(65) ? 'own' : 'slot';
  const twoPhase = theme === 'no_kafka' && random.chance(25);
  return {
    name,
    memory,
    ...(random.chance(15) ? { recreates: true } : {}),
    ...(twoPhase ? { twoPhase } : {}),
  };
}

/** The subscriber of a `two_phase` slot is gone when a standby makes its copy, and so never passes the point from which the copy is proven. */
function leaveInTheMiddle(draft: Draft): void {
  const { random, cast } = draft;
  const slot = cast.slots.find(({ twoPhase }) => twoPhase === true)?.name;
  if (slot !== undefined && draft.standbys.length > 0 && random.chance(60)) {
    const node = random.pick(draft.standbys);
    const on = { process: `consumer@${node}`, kind: 'create_logical', nth: 1, moment: 'before' } as const;
    draft.away.add(slot);
    draft.add({ kind: 'when', on, act: { kind: 'subscriber', slot, does: 'leave' } });
    draft.add({ kind: 'when', on, act: { kind: 'write', rows: 3 } });
  }
}

/** Until the standbys have their slots. */
function warmUp(draft: Draft): void {
  draft.add({ kind: 'traffic', rows: 1, everyMs: 300, ms: 2500 }, { kind: 'wait', ms: 3000 });
}

function trouble(draft: Draft, theme: Theme, acts: number): void {
  const from = draft.acts.length;
  let failovers = 0;
  while (draft.acts.length - from < acts) {
    const { primary } = draft;
    disturb(draft, theme);
    failovers += draft.primary === primary ? 0 : 1;
    draft.wait();
  }
  if (failovers === 0) {
    failOver(draft);
  }
}
