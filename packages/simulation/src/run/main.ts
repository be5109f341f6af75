import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { themes } from '../story/disturb.ts';
import { silentThemes } from '../story/generate.ts';
import { readStory } from '../story/story-file.ts';
import { tellNote, tellStory } from '../story/tell.ts';
import { runStory } from './history.ts';
import { search } from './search.ts';
import { tellTotals } from './totals.ts';
import { searchInProcesses } from './workers.ts';

const allThemes = [...themes, ...silentThemes];

const help = `npm run simulate -- [--minutes N] [--seed S] [--acts N] [--theme T] [--workers N] [--story FILE] [--all]

Runs histories of slotcast from seeds, each in a world of its own, until the time is over or an invariant is broken. The seed and the
shortest story that shows it are printed, and kept in coverage/simulation.

  --minutes N   how long to look (default 1)
  --seed S      the first seed (default: drawn)
  --acts N      acts in a history (default 200)
  --theme T     one of ${allThemes.join(', ')} (default: drawn for each history)
  --workers N   how many processes share the seeds (default: one for each core)
  --story FILE  run one story instead, with all that the services log
  --all         go on after a violation, and count what was found
`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    acts: { type: 'string', default: '200' },
    theme: { type: 'string' },
    workers: { type: 'string' },
    story: { type: 'string' },
    all: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** Prints lines to stdout. */
function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function replay(file: string): Promise<number> {
  const story = await readStory(file);
  const history = await runStory(story, { logLevel: 'info' });
  for (const note of history.notes) {
    say(tellNote(note));
  }
  say(tellStory(story, history.violations));
  return history.violations.length === 0 ? 0 : 1;
}

function themeOf(name: string | undefined) {
  const theme = allThemes.find((each) => each === name);
  if (name !== undefined && theme === undefined) {
    throw new RangeError(`no theme ${name}`);
  }
  return theme;
}

async function main(): Promise<number> {
  if (values.help) {
    say(help);
    return 0;
  }
  if (values.story !== undefined) {
    return await replay(values.story);
  }
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
  const workers = values.workers === undefined ? availableParallelism() : Number(values.workers);
  const options = {
    seed,
    stride: 1,
    ms: Number(values.minutes) * 60_000,
    acts: Number(values.acts),
    theme: themeOf(values.theme),
    goesOn: values.all,
    folder: 'coverage/simulation',
  };
  say(`seed ${seed}`);
  const startedAt = performance.now();
  const totals =
    workers > 1
      ? await searchInProcesses(options, { workers, say })
      : await search(options, { say, isStopped: () => false });
  say(tellTotals(totals, { ms: performance.now() - startedAt, workers }));
  return totals.failed === 0 ? 0 : 1;
}

process.exitCode = await main();
