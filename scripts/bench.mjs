/**
 * Sets the checkout up, builds the services and measures them: see docs/internals/benchmark.md.
 *
 *   npm run bench                      everything, about half an hour
 *   npm run bench -- --help            the choices
 *
 * Standard output is the result; everything else goes to standard error.
 */
import { spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setUpOrExit } from './setup.mjs';

const CHECKOUT = dirname(dirname(fileURLToPath(import.meta.url)));
const EXIT_FAILED = 1;

/** Builds the binary that is measured: the same as a user deploys. */
function buildOrExit() {
  const compiler = join(CHECKOUT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-b', 'services/cli'], {
    cwd: CHECKOUT,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) {
    process.stderr.write('bench: the services do not compile; see the messages above\n');
    process.exit(EXIT_FAILED);
  }
}

function runBench(args) {
  const bench = spawn(
    process.execPath,
    ['--conditions=source', '--import', 'tsx', join('test', 'bench', 'main.ts'), ...args],
    { cwd: CHECKOUT, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  // At a terminal the signal reaches both; this process only has to outlive the other to pass on how it ended.
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => bench.kill(signal));
  }
  return new Promise((resolve, reject) => {
    bench.once('error', reject);
    bench.once('close', (code) => resolve(code ?? EXIT_FAILED));
  });
}

const args = process.argv.slice(2);
if (!args.includes('--help')) {
  setUpOrExit();
  buildOrExit();
}
process.exit(await runBench(args));
