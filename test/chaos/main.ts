/** Random failovers on real servers with everything failing around them; see docs/internals/chaos.md. */
import { parseArgs } from 'node:util';
import { testSeed } from '../support/random-source.ts';
import { runChaos } from './chaos.ts';

const HELP = `npm run chaos -- [--minutes N] [--seed S] [--all] [--short] [--keep]

Plays failovers on real servers while Kafka and services are killed or frozen, and compares row by row what subscribers got. What is
found is printed with its seed, and kept in coverage/chaos. Ends with 0 when nothing was found, else with 1.

  --minutes N   no history is begun after that (default 2)
  --seed S      of the first history (default: drawn); each next one has the next number
  --all         goes on after something was found
  --short       only histories with one standby and one promotion, as npm test does
  --keep        keeps what was logged of each history, not only of those in which something was found
`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    seed: { type: 'string' },
    all: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(): Promise<number> {
  if (values.help) {
    say(HELP);
    return 0;
  }
  const [minutes, seed] = [Number(values.minutes), Number(values.seed ?? testSeed())];
  if (!(minutes > 0) || !Number.isSafeInteger(seed) || seed < 0) {
    process.stderr.write(`chaos: --minutes takes a number above 0, --seed a whole number\n`);
    return 2;
  }
  const { told, findings } = await runChaos({
    seed,
    minutes,
    all: values.all,
    onlyShort: values.short,
    keepsAll: values.keep,
    say,
  });
  say(`from seed ${seed}: ${told}; ${findings.length === 0 ? 'nothing' : findings.length} found`);
  for (const finding of findings) {
    say(finding);
  }
  return findings.length === 0 ? 0 : 1;
}

process.exitCode = await main();
