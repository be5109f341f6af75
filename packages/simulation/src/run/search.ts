import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Story } from '../story/act.ts';
import { type GenerateOptions, generate, silentThemes } from '../story/generate.ts';
import { shrink } from '../story/shrink.ts';
import { tellStory } from '../story/tell.ts';
import type { Violation } from '../types.ts';
import { type History, runStory } from './history.ts';

/** How many runs the shrinking of one story may take. */
const SHRINK_RUNS = 400;

export interface SearchOptions {
  /** The first seed; the others follow it. */
  readonly seed: number;
  /** How long to look, by the clock of this machine. */
  readonly ms: number;
  readonly acts: number;
  readonly theme?: GenerateOptions['theme'];
  /** True: goes on after a story that failed. */
  readonly goesOn: boolean;
  /** Where stories that failed are kept. */
  readonly folder: string;
  readonly say: (text: string) => void;
}

/** Runs histories from one seed after another. Returns how many of them broke an invariant. */
export async function search(options: SearchOptions): Promise<number> {
  const { say, acts, theme } = options;
  const startedAt = performance.now();
  const usedBefore = process.cpuUsage();
  const totals = new Totals();
  let failed = 0;
  say(`seed ${options.seed}`);
  for (let seed = options.seed; performance.now() - startedAt < options.ms; seed += 1) {
    const story = generate({ seed, acts, theme });
    const history = await runStory(story, { calm: isToBeCalm(story) });
    totals.add(history);
    const [violation] = history.violations;
    if (violation !== undefined) {
      failed += 1;
      await tell(story, violation, options);
      if (!options.goesOn) {
        break;
      }
    }
  }
  const { user, system } = process.cpuUsage(usedBefore);
  say(totals.text({ ms: performance.now() - startedAt, cpuMs: (user + system) / 1000 }, failed));
  return failed;
}

async function tell(story: Story, violation: Violation, { folder, say }: SearchOptions): Promise<void> {
  say(`seed ${story.seed} breaks ${violation.invariant}; looking for the shortest story that does`);
  const shrunk = await shortestThat(story, violation);
  const { violations } = await runStory(shrunk, { calm: isToBeCalm(shrunk) });
  const file = join(folder, `${story.seed}-${violation.invariant}.json`);
  await mkdir(folder, { recursive: true });
  await writeFile(file, `${JSON.stringify({ ...shrunk, expect: violation.invariant }, null, 2)}\n`);
  say(tellStory(shrunk, violations));
  say(`kept as ${file}; it runs again with npm run simulate -- --story ${file}`);
}

/** True for stories at whose end nothing is left broken. */
function isToBeCalm({ title }: Story): boolean {
  return silentThemes.some((theme) => theme === title);
}

/** The shortest story that breaks the same invariant for the same slot. */
function shortestThat(story: Story, { invariant, slot }: Violation): Promise<Story> {
  const isSame = (each: Violation): boolean => each.invariant === invariant && each.slot === slot;
  const fails = async (candidate: Story): Promise<boolean> => {
    const { violations } = await runStory(candidate, { until: isSame, calm: isToBeCalm(candidate) });
    return violations.some(isSame);
  };
  return shrink(story, { fails, runs: SHRINK_RUNS });
}

/** What a search has run through. */
class Totals {
  #histories = 0;
  #steps = 0;
  #calls = 0;
  #virtualMs = 0;

  add({ steps, calls, virtualMs }: History): void {
    this.#histories += 1;
    this.#steps += steps;
    this.#calls += calls;
    this.#virtualMs += virtualMs;
  }

  /** Rates are by processor time, as others may use the machine, too. */
  text({ ms, cpuMs }: { readonly ms: number; readonly cpuMs: number }, failed: number): string {
    const perMinute = (count: number): string => Math.round((count / cpuMs) * 60_000).toLocaleString('en');
    return (
      `${this.#histories} histories in ${(ms / 1000).toFixed(1)} s, ${failed} broke an invariant; a minute of one processor takes ` +
      `${perMinute(this.#histories)} histories, ${perMinute(this.#steps)} steps, ${perMinute(this.#calls)} calls, ` +
      `${perMinute(this.#virtualMs / 1000)} s of simulated time`
    );
  }
}
