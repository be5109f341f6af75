/**
 * Sets the checkout up, builds what the demo needs, and plays it: `npm run demo -- --help`.
 *
 * Returns only when the processes and the temporary folder of the demo are gone, however it ended. Uses nothing but Node itself,
 * because it runs before any package is installed.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const CHECKOUT = dirname(dirname(fileURLToPath(import.meta.url)));
const EXIT_FAILED = 1;
/** npm passes on the Ctrl-C that the terminal has sent here as well: signals so close together are one. */
const SAME_INTERRUPT_MS = 500;
/** The watchdog of the demo gives PostgreSQL five seconds before it uses SIGKILL. */
const CLEANUP_PATIENCE_MS = 20_000;

/** What runs now, in a process group of its own, so that every signal goes through this script, once. */
let child;
/** The first signal that came. */
let interrupt;

function onSignal(signal) {
  if (interrupt === undefined) {
    interrupt = { exitCode: exitCodeOf(signal), at: performance.now() };
    signalChild(signal);
  } else if (performance.now() - interrupt.at > SAME_INTERRUPT_MS) {
    signalChild('SIGKILL');
    process.exit(interrupt.exitCode);
  }
}

function exitCodeOf(signal) {
  return 128 + constants.signals[signal];
}

function signalChild(signal) {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // It ended in this moment, and its end was not reported yet.
    if (error.code !== 'ESRCH') {
      throw error;
    }
  }
}

/** Runs a script with Node to its end and returns its exit code. */
async function run(script, args, { stdio, onMessage = () => {} }) {
  const command = [join(CHECKOUT, script), ...args];
  child = spawn(process.execPath, command, { cwd: CHECKOUT, detached: true, stdio });
  child.on('message', onMessage);
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? exitCodeOf(signal)));
  });
}

/** A step on the way to the demo: its output is talk, as standard output is for the result. Ends this process when it fails. */
async function prepare(script, args) {
  const code = await run(script, args, { stdio: ['ignore', 2, 2] });
  if (interrupt !== undefined || code !== 0) {
    process.exit(interrupt?.exitCode ?? code);
  }
}

async function play(args) {
  let runFolder;
  const code = await run(join('services', 'demo', 'dist', 'main.js'), args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    onMessage: (message) => {
      runFolder = message.runFolder;
    },
  });
  if (runFolder !== undefined) {
    await untilGone(runFolder);
  }
  return code;
}

/** Removing this folder is the last thing that the demo's watchdog does, after it has ended all processes. */
async function untilGone(folder) {
  const deadline = performance.now() + CLEANUP_PATIENCE_MS;
  for (;;) {
    if (!existsSync(folder)) {
      return;
    }
    if (performance.now() > deadline) {
      process.stderr.write(`demo: ${folder} is still there, although the demo has ended\n`);
      process.exit(EXIT_FAILED);
    }
    await sleep(20);
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, onSignal);
}
await prepare(join('scripts', 'setup.mjs'), []);
await prepare(join('node_modules', 'typescript', 'bin', 'tsc'), ['-b', join('services', 'demo')]);
process.exit(await play(process.argv.slice(2)));
