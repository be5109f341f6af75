/**
 * Runs histories of slotcast in simulated worlds: see docs/internals/simulation.md.
 *
 *   npm run simulate                   for a minute, from a seed that is drawn
 *   npm run simulate -- --help         the choices
 */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setUpOrExit } from './setup.mjs';

const CHECKOUT = dirname(dirname(fileURLToPath(import.meta.url)));

setUpOrExit({ dependenciesOnly: true });
const main = join('packages', 'simulation', 'src', 'run', 'main.ts');
const simulation = spawn(
  process.execPath,
  // Most of what a history makes is garbage when it is over: more room for what is young saves a tenth of the time.
  ['--max-semi-space-size=64', '--conditions=source', '--import', 'tsx', main, ...process.argv.slice(2)],
  { cwd: CHECKOUT, stdio: 'inherit' },
);
simulation.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
