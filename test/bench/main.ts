/** Measures slotcast beside PostgreSQL's own slot sync; see docs/internals/benchmark.md. */
import { availableParallelism, loadavg } from 'node:os';
import { BenchCluster } from './bench-cluster.ts';
import { type BenchOptions, HELP, PARTS, type Part, parseBenchOptions, UsageError } from './bench-options.ts';
import { measureLag } from './lag-part.ts';
import { measureMemory } from './memory-part.ts';
import { busyPercent, machineTime } from './processor-time.ts';
import { measurePromotion } from './promotion-part.ts';
import { type Environment, type Report, reportAsJson } from './report.ts';
import { reportAsText } from './report-text.ts';
import { measureSilence } from './silence-part.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const MANY_SLOTS = 50;
const PROMOTION_SLOTS = 500;
/** What a part may take besides its windows: the start, waiting for slots to be ready, and the last arrivals. */
const PART_ALLOWANCE_MS = 480_000;
/** PostgreSQL's own slot sync naps up to 30 s. */
const ROUND_ALLOWANCE_MS = 100_000;
const PROMOTION_ALLOWANCE_MS = 300_000;

function say(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

type Measured = Pick<Report, Part>;

async function measurePart(part: Part, cluster: BenchCluster, options: BenchOptions): Promise<Measured> {
  const { seconds } = options;
  switch (part) {
    case 'lag':
      return { lag: await measureLag(cluster, { slots: ['bench_lag'], movesPerSecond: 10, seconds }) };
    case 'silence':
      return { silence: await measureSilence(cluster, { ...options, say }) };
    case 'many': {
      const slots = Array.from({ length: MANY_SLOTS }, (_, index) => `bench_many_${index + 1}`);
      return { many: await measureLag(cluster, { slots, movesPerSecond: 200, seconds }) };
    }
    case 'memory':
      return { memory: await measureMemory(cluster, { slots: options.slots, seconds, say }) };
    case 'promotion': {
      const rounds = options.promotionRounds;
      return { promotion: await measurePromotion({ slots: PROMOTION_SLOTS, rounds, say }) };
    }
  }
}

/** Measures the wanted parts one after the other. A part that fails does not keep the next from being measured. */
async function measure(cluster: BenchCluster, options: BenchOptions): Promise<Report> {
  const environment = await describeEnvironment(cluster);
  let measured: Measured = {};
  const machineBusyPercent: Partial<Record<Part, number>> = {};
  const failures: { part: Part; message: string }[] = [];
  for (const part of options.parts) {
    say(`measuring ${part} (${PARTS.indexOf(part) + 1} of ${PARTS.length})`);
    const before = await machineTime();
    try {
      await cluster.dropSlots();
      measured = { ...measured, ...(await measurePart(part, cluster, options)) };
      machineBusyPercent[part] = busyPercent(before, await machineTime());
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      say(`${part} failed: ${message}\n${await cluster.lastWords()}`);
      failures.push({ part, message });
    }
  }
  return { environment, ...measured, machineBusyPercent, failures };
}

async function describeEnvironment(cluster: BenchCluster): Promise<Environment> {
  const [row] = await cluster.scene.primary.query<{ version: string }>(
    "select current_setting('server_version') as version",
  );
  return {
    startedAt: new Date().toISOString(),
    postgres: row?.version ?? 'unknown',
    node: process.versions.node,
    cores: availableParallelism(),
    loadBefore: LOAD_BEFORE,
  };
}

/** Ends the process when something hangs for ever; what it started ends with it. */
function limitTime(options: BenchOptions): void {
  const windowsMs = options.parts.length * 2 * options.seconds * 1000;
  const silencesMs = options.quietRounds * (options.quietSeconds * 1000 + ROUND_ALLOWANCE_MS);
  const promotionsMs = 2 * options.promotionRounds * PROMOTION_ALLOWANCE_MS;
  const limitMs = options.parts.length * PART_ALLOWANCE_MS + windowsMs + silencesMs + promotionsMs;
  setTimeout(() => {
    say(`gave up after ${Math.round(limitMs / 60_000)} minutes`);
    process.exit(EXIT_FAILED);
  }, limitMs).unref();
}

async function run(options: BenchOptions): Promise<number> {
  limitTime(options);
  say('starting Kafka, a primary, two standbys and the services');
  const cluster = await BenchCluster.start(options);
  try {
    const report = await measure(cluster, options);
    process.stdout.write(options.output === 'json' ? reportAsJson(report) : reportAsText(report));
    return report.failures.length === 0 ? 0 : EXIT_FAILED;
  } finally {
    await cluster.close();
  }
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
