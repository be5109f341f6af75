import { parseArgs } from 'node:util';
import { PARTS, PARTS_WITH_TARGETS, type Part } from './parts/parts.ts';

export interface BenchOptions {
  readonly parts: readonly Part[];
  /** Length of every window in which something is counted. */
  readonly seconds: number;
  readonly quietSeconds: number;
  readonly quietRounds: number;
  /** `undefined`: what each part has by default. The matrix takes all of them, the other parts the first. */
  readonly slots: readonly number[] | undefined;
  /** MB/s of WAL; as `slots`. */
  readonly loads: readonly number[] | undefined;
  /** Only what the table of targets needs. */
  readonly targetsOnly: boolean;
  readonly awaySeconds: number;
  readonly restartMinutes: number;
  readonly growthSlots: readonly number[];
  readonly records: number;
  readonly readyRounds: number;
  readonly promotionRounds: number;
  readonly output: 'table' | 'json';
  readonly writeDocs: boolean;
  /** Folder for CPU profiles of the services, one per window. */
  readonly profileFolder: string | undefined;
}

export const HELP = `usage: npm run bench -- [options]

Measures slotcast with its default configuration beside PostgreSQL's own slot sync, on one real primary. It is a measurement and no
test: the exit code is 0 although a target is missed, 1 when something failed to run, and 2 on wrong usage.

  --only PARTS        some of ${PARTS.join(',')}; everything by default
  --targets           only what has a target: fewer parts, and fewer cells of the matrix; --minutes is 10 then
  --slots LIST        numbers of slots; the matrix takes all of them (1,50,500 by default, and 100 at 15 MB/s), the other parts the first
  --load LIST         write load in MB/s of WAL; the matrix takes all of them (0,5,15,30 by default), the other parts the first
  --seconds N         length of each window, 15 by default
  --quiet-seconds N   length of a silence, 60 by default
  --quiet-rounds N    number of silences, 2 by default
  --away N            seconds that the standby or its services are away, 60 by default
  --minutes N         length of the part restart, 2 by default, and another one afterwards; 10 for the figure that has a target
  --growth LIST       numbers of slots of the part growth, 1,10,100,500,2000 by default
  --records N         records of the part replay, 1000000 by default
  --rounds N          rounds of the part ready, 2 by default
  --promotions N      number of promotions of each kind, 1 by default
  --output json       one JSON object instead of the table
  --write-docs        keep the results in docs/performance/results.json and write docs/performance.md from all that is there
  --profile FOLDER    a CPU profile of each service per window, which costs some speed and memory itself
  --help
`;

/** Wrong usage; the message says what would be right. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** Reads the command line; `undefined` when help is wanted. Throws a UsageError. */
export function parseBenchOptions(args: readonly string[]): BenchOptions | undefined {
  const values = parseValues(args);
  if (values.help === true) {
    return undefined;
  }
  const targetsOnly = values.targets ?? false;
  return {
    parts: parseParts(values.only, targetsOnly),
    targetsOnly,
    seconds: wholeNumber('--seconds', values.seconds ?? '15'),
    quietSeconds: wholeNumber('--quiet-seconds', values['quiet-seconds'] ?? '60'),
    quietRounds: wholeNumber('--quiet-rounds', values['quiet-rounds'] ?? '2'),
    slots: values.slots === undefined ? undefined : list('--slots', values.slots, { least: 1 }),
    loads: values.load === undefined ? undefined : list('--load', values.load, { least: 0 }),
    awaySeconds: wholeNumber('--away', values.away ?? '60'),
    restartMinutes: wholeNumber('--minutes', values.minutes ?? (targetsOnly ? '10' : '2')),
    growthSlots: list('--growth', values.growth ?? '1,10,100,500,2000', { least: 1 }),
    records: wholeNumber('--records', values.records ?? '1000000'),
    readyRounds: wholeNumber('--rounds', values.rounds ?? '2'),
    promotionRounds: wholeNumber('--promotions', values.promotions ?? '1'),
    output: parseOutput(values.output ?? 'table'),
    writeDocs: values['write-docs'] ?? false,
    profileFolder: values.profile,
  };
}

function parseValues(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: text,
        targets: flag,
        seconds: text,
        'quiet-seconds': text,
        'quiet-rounds': text,
        slots: text,
        load: text,
        away: text,
        minutes: text,
        growth: text,
        records: text,
        rounds: text,
        promotions: text,
        output: text,
        'write-docs': flag,
        profile: text,
        help: flag,
      },
    });
    return values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function parseParts(text: string | undefined, targetsOnly: boolean): readonly Part[] {
  if (text === undefined) {
    return targetsOnly ? PARTS_WITH_TARGETS : PARTS;
  }
  const wanted = text.split(',');
  const unknown = wanted.find((word) => !PARTS.some((part) => part === word));
  if (unknown !== undefined) {
    throw new UsageError(`--only knows ${PARTS.join(', ')}, not "${unknown}"`);
  }
  return PARTS.filter((part) => wanted.includes(part));
}

function parseOutput(text: string): 'table' | 'json' {
  if (text !== 'table' && text !== 'json') {
    throw new UsageError(`--output is table or json, not "${text}"`);
  }
  return text;
}

function wholeNumber(name: string, text: string): number {
  if (!/^[1-9][0-9]{0,7}$/.test(text)) {
    throw new UsageError(`${name} takes a whole number from 1 on, not "${text}"`);
  }
  return Number(text);
}

/** In ascending order, each once. */
function list(name: string, text: string, { least }: { readonly least: number }): readonly number[] {
  const numbers = text.split(',').map((word) => (/^[0-9]{1,4}$/.test(word) ? Number(word) : Number.NaN));
  if (!numbers.every((number) => number >= least)) {
    throw new UsageError(
      `${name} takes whole numbers from ${least} to 9999 with commas between, not "${text}"`,
    );
  }
  return [...new Set(numbers)].toSorted((a, b) => a - b);
}
