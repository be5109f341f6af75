import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Story } from '../story/act.ts';
import { type GenerateOptions, generate, silentThemes } from '../story/generate.ts';
import { shrink } from '../story/shrink.ts';
import { tellStory } from '../story/tell.ts';
import type { Violation } from '../types.ts';
import { runStory } from './history.ts';
import { noTotals, type Totals, withHistory } from './totals.ts';

/** How many runs the shrinking of one story may take. */
const SHRINK_RUNS = 400;

/** What is searched, as data that can be sent to another process. */
export interface SearchOptions {
  /** The first seed. */
  readonly seed: number;
  /** From one seed to the next. */
  readonly stride: number;
  /** How long to look, by the clock of this machine. */
  readonly ms: number;
  readonly acts: number;
  readonly theme?: GenerateOptions['theme'];
  /** True: goes on after a story that failed. */
  readonly goesOn: boolean;
  /** Where stories that failed are kept. */
  readonly folder: string;
}

/** Who is told, and who ends it early. */
export interface SearchHost {
  readonly say: (text: string) => void;
  readonly isStopped: () => boolean;
}

/** Runs histories from one seed after another. */
export async function search(options: SearchOptions, host: SearchHost): Promise<Totals> {
  const { acts, theme, stride } = options;
  const until = performance.now() + options.ms;
  const usedBefore = process.cpuUsage();
  let totals = noTotals;
  for (let seed = options.seed; performance.now() < until && !host.isStopped(); seed += stride) {
    const story = generate({ seed, acts, theme });
    const history = await runStory(story, { calm: isToBeCalm(story), short: true });
    totals = withHistory(totals, history);
    const [violation] = history.violations;
    if (violation !== undefined) {
      await tell(story, violation, options, host);
      if (!options.goesOn) {
        break;
      }
    }
  }
  const { user, system } = process.cpuUsage(usedBefore);
  return { ...totals, cpuMs: (user + system) / 1000 };
}

/** All at once, so that what others say does not come between. */
async function tell(
  story: Story,
  violation: Violation,
  { folder, acts, theme }: SearchOptions,
  { say }: SearchHost,
): Promise<void> {
  const again = `--seed ${story.seed} --acts ${acts}${theme === undefined ? '' : ` --theme ${theme}`}`;
  say(
    `seed ${story.seed} breaks ${violation.invariant} (alone: npm run simulate -- ${again}); looking for the shortest story that does`,
  );
  const shrunk = await shortestThat(story, violation);
  const { violations } = await runStory(shrunk, { calm: isToBeCalm(shrunk) });
  const file = join(folder, `${story.seed}-${violation.invariant}.json`);
  await mkdir(folder, { recursive: true });
  await writeFile(file, `${JSON.stringify({ ...shrunk, expect: violation.invariant }, null, 2)}\n`);
  say(
    `${tellStory(shrunk, violations)}\nkept as ${file}; it runs again with npm run simulate -- --story ${file}`,
  );
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
