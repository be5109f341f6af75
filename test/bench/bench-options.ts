import { parseArgs } from 'node:util';

/** What can be measured, in the order in which it is. */
export const PARTS = ['lag', 'silence', 'many', 'memory', 'promotion'] as const;
export type Part = (typeof PARTS)[number];

export interface BenchOptions {
  readonly parts: readonly Part[];
  /** Length of every window in which something is counted. */
  readonly seconds: number;
  readonly quietSeconds: number;
  readonly quietRounds: number;
  /** Number of slots in the part `memory`. */
  readonly slots: number;
  readonly promotionRounds: number;
  readonly output: 'table' | 'json';
  /** Folder for CPU profiles of the services, one per window. */
  readonly profileFolder: string | undefined;
}

export const HELP = `usage: npm run bench -- [options]

Measures slotcast with its default configuration beside PostgreSQL's own slot sync, on one real primary. It is a measurement and no
test: the exit code is 0 although a target is missed, 1 when something failed to run, and 2 on wrong usage.

  --only PARTS        some of ${PARTS.join(',')}; everything by default
  --seconds N         length of each window, 30 by default
  --quiet-seconds N   length of a silence, 60 by default
  --quiet-rounds N    number of silences, 3 by default
  --slots N           number of slots in the part memory, 1000 by default
  --promotions N      number of promotions of each kind, 3 by default
  --output json       one JSON object instead of the table
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
  return {
    parts: parseParts(values.only),
    seconds: wholeNumber('--seconds', values.seconds ?? '30'),
    quietSeconds: wholeNumber('--quiet-seconds', values['quiet-seconds'] ?? '60'),
    quietRounds: wholeNumber('--quiet-rounds', values['quiet-rounds'] ?? '3'),
    slots: wholeNumber('--slots', values.slots ?? '1000'),
    promotionRounds: wholeNumber('--promotions', values.promotions ?? '3'),
    output: parseOutput(values.output ?? 'table'),
    profileFolder: values.profile,
  };
}

function parseValues(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: text,
        seconds: text,
        'quiet-seconds': text,
        'quiet-rounds': text,
        slots: text,
        promotions: text,
        output: text,
        profile: text,
        help: { type: 'boolean' },
      },
    });
    return values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function parseParts(text: string | undefined): readonly Part[] {
  if (text === undefined) {
    return PARTS;
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
  if (!/^[1-9][0-9]{0,3}$/.test(text)) {
    throw new UsageError(`${name} takes a whole number from 1 to 9999, not "${text}"`);
  }
  return Number(text);
}
