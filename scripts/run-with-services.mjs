/** Sets the checkout up, builds the services as a user deploys them, and runs a TypeScript program of the tests that starts them. */
import { spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setUpOrExit } from './setup.mjs';

const CHECKOUT = dirname(dirname(fileURLToPath(import.meta.url)));
const EXIT_FAILED = 1;

function buildOrExit(name) {
  const compiler = join(CHECKOUT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-b', 'services/cli'], {
    cwd: CHECKOUT,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) {
    process.stderr.write(`${name}: the services do not compile; see the messages above\n`);
    process.exit(EXIT_FAILED);
  }
}

function run(main, args) {
  const program = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', main, ...args], {
    cwd: CHECKOUT,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  // At a terminal the signal reaches both; this process only has to outlive the other to pass on how it ended.
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => program.kill(signal));
  }
  return new Promise((resolve, reject) => {
    program.once('error', reject);
    program.once('close', (code) => resolve(code ?? EXIT_FAILED));
  });
}

/** Runs `main`, a path in the checkout, with the arguments of this process; ends this process with its exit code. */
export async function runWithServices(name, main) {
  const args = process.argv.slice(2);
  if (!args.includes('--help')) {
    setUpOrExit();
    buildOrExit(name);
  }
  process.exit(await run(main, args));
}
