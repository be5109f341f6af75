/**
 * Sets the checkout up and runs its tests.
 *
 *   npm test                        all
 *   npm test -- --coverage          measures coverage as well, which takes about a sixth longer
 *   npm test -- pg                  those that need only PostgreSQL (also: unit, kafka, e2e)
 *   npm test -- packages/domain     those whose path contains the text; several arguments add up
 *
 * Standard output is node's own report; everything else goes to standard error.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { foldersIn, processesOf } from './leftovers.mjs';
import { setUpOrExit } from './setup.mjs';
import { tellSlowestFiles } from './slowest-files.mjs';
import { kindOf, processesFor } from './test-processes.mjs';

const CHECKOUT = dirname(dirname(fileURLToPath(import.meta.url)));
const TEST_FOLDERS = ['packages', 'services', 'test'];
const KINDS = ['unit', 'pg', 'kafka', 'e2e'];
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** A file waits for servers about half of its time, so there are two more at a time than there are cores. */
const CONCURRENCY = availableParallelism() + 2;
/** The watchdogs of test processes that were killed need a moment. */
const LEFTOVER_PATIENCE_MS = 15_000;

function say(text) {
  process.stderr.write(`test: ${text}\n`);
}

function testFiles() {
  const paths = TEST_FOLDERS.flatMap((folder) =>
    readdirSync(join(CHECKOUT, folder), { recursive: true })
      .map((name) => join(folder, name))
      .filter((path) => path.endsWith('.test.ts') && !path.split('/').includes('node_modules')),
  );
  return paths.toSorted((one, other) => (one < other ? -1 : 1));
}

function selectFiles(words) {
  return testFiles().filter(
    (path) =>
      words.length === 0 ||
      words.some((word) => (KINDS.includes(word) ? kindOf(path) === word : path.includes(word))),
  );
}

/** Starts the one Kafka that all tests of the run share, unless a running one is given or no test needs it. */
async function startSharedKafka(files) {
  const isNeeded = files.some((path) => ['kafka', 'e2e'].includes(kindOf(path)));
  if (!isNeeded || (process.env.SLOTCAST_TEST_KAFKA ?? '') !== '') {
    return undefined;
  }
  say('starting Kafka');
  const { shareKafkaClasses, startKafka } = await import('@slotcast/testkit');
  await shareKafkaClasses();
  return await startKafka();
}

/** How node loads test files. */
const FROM_SOURCE = ['--conditions=source', '--import', 'tsx'];
const FROM_BUNDLE = ['--enable-source-maps'];

function runTests(files, environment, { loading, failuresFile, timesFile }) {
  return spawn(
    process.execPath,
    [
      loading,
      ['--test', `--test-concurrency=${CONCURRENCY}`, '--test-timeout=600000'],
      [`--test-reporter=${process.stdout.isTTY ? 'spec' : 'tap'}`, '--test-reporter-destination=stdout'],
      ['--test-reporter=./scripts/failed-tests.mjs', `--test-reporter-destination=${failuresFile}`],
      ['--test-reporter=./scripts/file-times.mjs', `--test-reporter-destination=${timesFile}`],
      files,
    ].flat(),
    { cwd: CHECKOUT, env: environment, stdio: ['ignore', 'inherit', 'inherit'] },
  );
}

function exitOf(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? EXIT_FAILED));
  });
}

/** Writes `coverage/lcov.info` and prints the summary. */
async function reportCoverage(coverageFolder) {
  const child = spawn(
    process.execPath,
    [
      [fileURLToPath(import.meta.resolve('c8/bin/c8.js')), 'report'],
      [`--temp-directory=${coverageFolder}`, '--reports-dir=coverage'],
      ['--reporter=text-summary', '--reporter=lcov', '--exclude-after-remap'],
      ['--include=packages/*/src/**', '--include=services/*/src/**', '--exclude=packages/testkit/**'],
    ].flat(),
    { cwd: CHECKOUT, stdio: ['ignore', 2, 2] },
  );
  return await exitOf(child);
}

/** What a reporter wrote. */
function readReport(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** Prints a report below everything else. */
function sayReport(title, report) {
  if (report !== '') {
    say(`${title}:\n${report}`);
  }
}

/** Waits for the last processes and folders of the run to vanish; names and ends those that do not. */
async function hasLeftovers(runFolder, mark) {
  const deadline = performance.now() + LEFTOVER_PATIENCE_MS;
  for (;;) {
    const processes = processesOf({ folder: runFolder, mark });
    const folders = foldersIn(runFolder);
    if (processes.length === 0 && folders.length === 0) {
      return false;
    }
    if (performance.now() >= deadline) {
      for (const { pid, command } of processes) {
        say(`left over: process ${pid}: ${command}`);
        process.kill(pid, 'SIGKILL');
      }
      for (const folder of folders) {
        say(`left over: folder ${folder}`);
      }
      return true;
    }
    await sleep(100);
  }
}

/** Passes a first SIGINT or SIGTERM on to the runner, so that everything ends in order; a second ends this process. */
function interruptible(runner) {
  const received = [];
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      if (received.length > 0) {
        process.exit(signal === 'SIGINT' ? 130 : 143);
      }
      received.push(signal);
      runner.kill(signal);
    });
  }
  return received;
}

/** Runs the files in a temporary folder of their own; returns the exit code of the whole. */
async function runAll(files, { withCoverage, program, bundled }) {
  const kafka = await startSharedKafka(files);
  // All temporary folders of the tests, and so the working folders of their servers, are below this one.
  const runFolder = mkdtempSync(join(tmpdir(), 'slotcast-test-'));
  try {
    // Servers run as another user when the tests run as root, so they must be able to pass through.
    chmodSync(runFolder, 0o755);
    const run = randomUUID();
    const templates = join(runFolder, 'templates');
    mkdirSync(templates);
    const ports = join(runFolder, 'ports');
    mkdirSync(ports);
    const coverageFolder = join(runFolder, 'coverage');
    const reports = {
      loading: bundled === undefined ? FROM_SOURCE : FROM_BUNDLE,
      failuresFile: join(runFolder, 'failed-tests.txt'),
      timesFile: join(runFolder, 'file-times.txt'),
    };
    const environment = {
      ...process.env,
      TMPDIR: runFolder,
      SLOTCAST_TEST_TEMPLATES: templates,
      SLOTCAST_TEST_PORTS: ports,
      ...(withCoverage ? { NODE_V8_COVERAGE: coverageFolder } : {}),
      SLOTCAST_TEST_RUN: run,
      SLOTCAST_TEST_PROGRAM: program,
      ...(kafka === undefined ? {} : { SLOTCAST_TEST_KAFKA: kafka.bootstrapServers }),
    };
    const runner = runTests(processesFor(files, runFolder, bundled), environment, reports);
    const interrupts = interruptible(runner);
    const testExitCode = await exitOf(runner);
    const leaks = await hasLeftovers(runFolder, `SLOTCAST_TEST_RUN=${run}`);
    if (interrupts.length > 0) {
      return interrupts[0] === 'SIGINT' ? 130 : 143;
    }
    const reportExitCode = withCoverage ? await reportCoverage(coverageFolder) : 0;
    sayReport('the slowest files', tellSlowestFiles(readReport(reports.timesFile)));
    sayReport('these failed', readReport(reports.failuresFile));
    return testExitCode || reportExitCode || (leaks ? EXIT_FAILED : 0);
  } finally {
    await kafka?.[Symbol.asyncDispose]();
    rmSync(runFolder, { recursive: true, force: true });
  }
}

/** Compiles everything. */
function buildOrExit() {
  const compiler = join(CHECKOUT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-b'], {
    cwd: CHECKOUT,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) {
    say('the build failed');
    process.exit(EXIT_FAILED);
  }
}

/**
 * What is run, in bundles, which start faster: `slotcast`, and for each test file what stands in its place. Coverage is counted by files, so
 * these are run themselves then.
 */
async function bundlesOf(files, withCoverage) {
  if (withCoverage) {
    return { program: join(CHECKOUT, 'services', 'cli', 'bin', 'slotcast.js') };
  }
  const [{ bundle }, { bundleTests }] = [await import('./bundle.mjs'), await import('./bundle-tests.mjs')];
  return { program: await bundle(), ...(await bundleTests(files)) };
}

const args = process.argv.slice(2);
const words = args.filter((word) => word !== '--coverage');
const files = selectFiles(words);
if (files.length === 0) {
  say(`no test matches ${words.join(' ')}: give a part of a path, or one of ${KINDS.join(', ')}`);
  process.exit(EXIT_USAGE);
}
setUpOrExit();
buildOrExit();
const withCoverage = args.includes('--coverage');
const bundles = await bundlesOf(files, withCoverage);
const exitCode = await runAll(files, { withCoverage, ...bundles });
if (bundles.folder !== undefined) {
  rmSync(bundles.folder, { recursive: true });
}
process.exit(exitCode);
