/**
 * Sets the checkout up, builds the services and measures them: see docs/internals/benchmark.md.
 *
 *   npm run bench                      everything, about half an hour
 *   npm run bench -- --help            the choices
 *
 * Standard output is the result; everything else goes to standard error.
 */
import { join } from 'node:path';
import { runWithServices } from './run-with-services.mjs';

await runWithServices('bench', join('test', 'bench', 'main.ts'));
