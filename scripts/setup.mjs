/**
 * Makes a fresh checkout ready to run: npm packages, PostgreSQL's shared libraries, Java, Maven and Apache Kafka. Does nothing
 * when all is there. Uses nothing but Node itself, because it runs before any package is installed.
 *
 *   node scripts/setup.mjs                 everything
 *   node scripts/setup.mjs --dependencies  the npm packages only
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const CHECKOUT = dirname(dirname(fileURLToPath(import.meta.url)));
const OLDEST_NODE = [20, 19];
const OLDEST_JAVA = 17;
const KAFKA_VERSION = '4.1.2';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_PRECONDITION = 78;

/** A set-up that cannot go on, with the exit code that tells whether another try may help. */
class SetupError extends Error {
  constructor(message, exitCode) {
    super(message);
    this.name = 'SetupError';
    this.exitCode = exitCode;
  }
}

function progress(text) {
  process.stderr.write(`setup: ${text}\n`);
}

/** Runs a command with its output on standard error, so that standard output stays free for data. */
function runCommand(command, args, environment = {}) {
  const result = spawnSync(command, args, {
    cwd: CHECKOUT,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 2, 2],
  });
  if (result.status !== 0) {
    const how = result.error?.message ?? `exit code ${result.status ?? result.signal}`;
    throw new SetupError(`"${[command, ...args].join(' ')}" failed: ${how}`, EXIT_FAILED);
  }
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE;
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
    throw new SetupError(
      `Node ${process.versions.node} is too old: install Node ${OLDEST_NODE.join('.')} or newer`,
      EXIT_PRECONDITION,
    );
  }
}

function lockedPackages(path) {
  return JSON.parse(readFileSync(path, 'utf8')).packages;
}

/**
 * Compares what npm noted at the end of its last installation with the lock file. The times of the two files would not do:
 * git touches the lock file at each change of branch.
 */
function arePackagesInstalled() {
  const installedPath = join(CHECKOUT, 'node_modules', '.package-lock.json');
  if (!existsSync(installedPath)) {
    return false;
  }
  const wanted = lockedPackages(join(CHECKOUT, 'package-lock.json'));
  const installed = lockedPackages(installedPath);
  const isSame = (path) =>
    wanted[path].version === installed[path].version && wanted[path].integrity === installed[path].integrity;
  return (
    Object.keys(installed).every((path) => path in wanted && isSame(path)) &&
    Object.keys(wanted).every((path) => path === '' || path in installed || wanted[path].optional === true)
  );
}

function installPackages() {
  if (arePackagesInstalled()) {
    return;
  }
  progress('installing npm packages');
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  const npm = process.env.npm_execpath;
  if (npm?.endsWith('.js')) {
    runCommand(process.execPath, [npm, ...args]);
  } else {
    runCommand('npm', args);
  }
}

/** Creates the links of PostgreSQL's shared libraries: npm packages cannot hold them, and their install script may be off. */
function linkPostgresLibraries() {
  const modules = join(CHECKOUT, 'node_modules');
  for (const name of readdirSync(modules).filter((entry) => /^postgres-\d+$/.test(entry))) {
    const folder = join(modules, name);
    const links = JSON.parse(readFileSync(join(folder, 'native', 'pg-symlinks.json'), 'utf8'));
    if (links.some(({ target }) => !existsSync(join(folder, target)))) {
      progress(`linking the shared libraries of ${name}`);
      const script = join(folder, 'scripts', 'hydrate-symlinks.js');
      const result = spawnSync(process.execPath, [script], { cwd: folder, stdio: ['ignore', 2, 2] });
      if (result.status !== 0) {
        throw new SetupError(`${script} failed with exit code ${result.status}`, EXIT_FAILED);
      }
    }
  }
}

/** The major version of the `java` that would be run, `undefined` when there is none. */
function javaVersion() {
  const result = spawnSync('java', ['-version'], { encoding: 'utf8' });
  const match = /version "(\d+)/.exec(result.stderr ?? '');
  return match === null ? undefined : Number(match[1]);
}

function hasJava() {
  return (javaVersion() ?? 0) >= OLDEST_JAVA;
}

function hasMaven() {
  return spawnSync('mvn', ['--version'], { stdio: 'ignore' }).status === 0;
}

function missingPrograms(isMavenNeeded) {
  return [
    ...(hasJava() ? [] : [`Java ${OLDEST_JAVA} or newer ("java" on the PATH)`]),
    ...(!isMavenNeeded || hasMaven() ? [] : ['Apache Maven ("mvn" on the PATH)']),
  ];
}

function canUseApt() {
  return (
    process.getuid?.() === 0 &&
    existsSync('/etc/debian_version') &&
    spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status === 0
  );
}

function aptHas(name) {
  return spawnSync('apt-cache', ['show', name], { stdio: 'ignore' }).status === 0;
}

function installJavaAndMaven(isMavenNeeded) {
  let missing = missingPrograms(isMavenNeeded);
  if (missing.length > 0 && canUseApt()) {
    progress(`installing with apt-get: ${missing.join(', ')}`);
    runCommand('apt-get', ['update', '-q']);
    // The default of an older release may be too old, and a newer release may have dropped 17.
    const java = aptHas('openjdk-17-jre-headless') ? 'openjdk-17-jre-headless' : 'default-jre-headless';
    runCommand(
      'apt-get',
      [
        ['install', '-y', '-q', '--no-install-recommends'],
        hasJava() ? [] : [java],
        isMavenNeeded ? ['maven'] : [],
      ].flat(),
      { DEBIAN_FRONTEND: 'noninteractive' },
    );
    missing = missingPrograms(isMavenNeeded);
  }
  if (missing.length > 0) {
    throw new SetupError(
      `Apache Kafka needs programs that are missing here: ${missing.join(', ')}. Install them and try again ` +
        '(on Debian or Ubuntu: apt-get install openjdk-17-jre-headless maven)',
      EXIT_PRECONDITION,
    );
  }
}

function fetchKafka(folder) {
  progress(`fetching Apache Kafka ${KAFKA_VERSION} with Maven (about 54 MB)`);
  mkdirSync(dirname(folder), { recursive: true });
  // The folder gets its name when it is complete, so that a download that was cut off is never taken for a good one.
  const partial = mkdtempSync(`${folder}-partial-`);
  try {
    runCommand(
      'mvn',
      [
        ['-q', '-B', '-f', join(CHECKOUT, 'scripts', 'kafka-pom.xml')],
        ['dependency:copy-dependencies', `-DoutputDirectory=${join(partial, 'libs')}`],
      ].flat(),
    );
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

function checkPlatform() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError(
      `The embedded PostgreSQL servers need Linux on x64, this is ${process.platform} on ${process.arch}`,
      EXIT_PRECONDITION,
    );
  }
}

/**
 * Brings the checkout to the state that demo and tests need. Throws a `SetupError` with an `exitCode` when something is
 * missing that it cannot get.
 */
export function setUp({ dependenciesOnly = false } = {}) {
  checkNode();
  installPackages();
  if (dependenciesOnly) {
    return;
  }
  checkPlatform();
  linkPostgresLibraries();
  const kafka = join(CHECKOUT, '.cache', `kafka-${KAFKA_VERSION}`);
  const isKafkaThere = existsSync(join(kafka, 'libs', `kafka_2.13-${KAFKA_VERSION}.jar`));
  installJavaAndMaven(!isKafkaThere);
  if (!isKafkaThere) {
    fetchKafka(kafka);
  }
}

/** Runs `setUp` and ends the process with its exit code when it fails. */
export function setUpOrExit(options) {
  try {
    setUp(options);
  } catch (error) {
    if (!(error instanceof SetupError)) {
      throw error;
    }
    progress(error.message);
    process.exit(error.exitCode);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const flags = process.argv.slice(2);
  const unknown = flags.find((flag) => flag !== '--dependencies');
  if (unknown !== undefined) {
    progress(`unknown argument ${unknown}; usage: node scripts/setup.mjs [--dependencies]`);
    process.exit(EXIT_USAGE);
  }
  setUpOrExit({ dependenciesOnly: flags.includes('--dependencies') });
}
