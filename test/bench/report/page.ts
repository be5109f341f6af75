import { PARTS, type Part } from '../parts/parts.ts';
import { expectations } from './expectations.ts';
import { partTables, targetTable } from './part-tables.ts';
import { type PlotFile, plots } from './plots.ts';
import type { Results } from './results.ts';
import { tableAsMarkdown } from './table.ts';
import { targets } from './targets.ts';
import { describeEnvironment } from './text.ts';

const PLOT_TEXTS: Readonly<Record<PlotFile, string>> = {
  'lag.svg': 'Lag by write load and number of slots',
  'cost.svg': 'Cost of a move by number of slots',
};

/** `docs/performance.md`, of nothing but the results. */
export function performancePage(results: Results): string {
  const images = [...plots(results.parts).keys()];
  const sections = [
    '# Performance',
    "Written by `npm run bench -- --write-docs` from [the newest results](performance/results.json); [the benchmark](internals/benchmark.md) says what runs, and how to read it. Lags are compared with those of PostgreSQL's own slot sync, which keeps the same slots of the same primary at the same time.",
    '## What to expect',
    expectations(results.parts)
      .map((sentence) => `- ${sentence}`)
      .join('\n'),
    ...images.map((file) => `![${PLOT_TEXTS[file]}](performance/${file})`),
    '## Targets',
    tableAsMarkdown(targetTable(targets(results.parts))).trimEnd(),
    '## All figures',
    ...partTables(results.parts).flatMap((table) => [`### ${table.title}`, tableAsMarkdown(table).trimEnd()]),
    '## The machine',
    machineLines(results).join('\n'),
  ];
  return `${sections.join('\n\n')}\n`;
}

/** One line for each run from which parts are here. */
function machineLines({ conditions }: Results): readonly string[] {
  const runs = new Map<string, Part[]>();
  for (const part of PARTS) {
    const startedAt = conditions[part]?.environment.startedAt;
    if (startedAt !== undefined) {
      runs.set(startedAt, [...(runs.get(startedAt) ?? []), part]);
    }
  }
  return [...runs].flatMap(([startedAt, parts]) => {
    const [first] = parts;
    const environment = first === undefined ? undefined : conditions[first]?.environment;
    return environment === undefined
      ? []
      : [`- ${parts.join(', ')}: ${startedAt.slice(0, 10)}, ${describeEnvironment(environment)}`];
  });
}
