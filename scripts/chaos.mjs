/**
 * Sets the checkout up, builds the services, and plays random failovers with real servers: see docs/internals/chaos.md.
 *
 *   npm run chaos                      for two minutes, from a seed that is drawn
 *   npm run chaos -- --help            the choices
 */
import { join } from 'node:path';
import { runWithServices } from './run-with-services.mjs';

await runWithServices('chaos', join('test', 'chaos', 'main.ts'));
