/** Measures slotcast beside PostgreSQL's own slot sync; see docs/internals/benchmark.md. */
import { availableParallelism, loadavg, totalmem } from 'node:os';
import { KAFKA_VERSION, postgresVersion } from '@slotcast/testkit';
import { type BenchOptions, HELP, parseBenchOptions, UsageError } from './bench-options.ts';
import { type Environment, reportAsJson } from './report/results.ts';
import { reportAsText } from './report/text.ts';
import { writeDocs } from './report/write-docs.ts';
import { runParts } from './run-parts.ts';
import { limitSeconds } from './time-limit.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const POSTGRES_MAJOR = 18;
/** To start and end what all parts need. */
const ALLOWANCE_SECONDS = 300;

function say(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

/** Ends the process when something hangs for ever; what it started ends with it. */
function limitTime(options: BenchOptions): void {
  const seconds = options.parts.reduce((sum, part) => sum + limitSeconds(part, options), ALLOWANCE_SECONDS);
  setTimeout(() => {
    say(`gave up after ${Math.round(seconds / 60)} minutes`);
    process.exit(EXIT_FAILED);
  }, seconds * 1000).unref();
}

async function run(options: BenchOptions): Promise<number> {
  limitTime(options);
  const report = await runParts(options, await describeMachine(), say);
  await print(options.output === 'json' ? reportAsJson(report) : reportAsText(report));
  if (options.writeDocs) {
    say(`wrote ${await writeDocs(report)}`);
  }
  return report.failures.length === 0 ? 0 : EXIT_FAILED;
}

async function describeMachine(): Promise<Environment> {
  return {
    startedAt: new Date().toISOString(),
    postgres: await postgresVersion(POSTGRES_MAJOR),
    kafka: KAFKA_VERSION,
    node: process.versions.node,
    cores: availableParallelism(),
    memoryGb: totalmem() / 1e9,
    loadBefore: LOAD_BEFORE,
  };
}

/** Resolves when all of it has been taken: the process ends right afterwards. */
function print(text: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(text, () => resolve());
  });
}

async function main(): Promise<number> {
  try {
    const options = parseBenchOptions(process.argv.slice(2));
    if (options === undefined) {
      process.stdout.write(HELP);
      return 0;
    }
    return await run(options);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`bench: ${error.message}\n\n${HELP}`);
      return EXIT_USAGE;
    }
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return EXIT_FAILED;
  }
}

const [LOAD_BEFORE = 0] = loadavg();
process.exit(await main());
