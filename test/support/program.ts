import { fileURLToPath } from 'node:url';

/** The first file of `slotcast`: that of the bundle that `npm test` made, or of the last build where a test file runs by itself. */
export const PROGRAM =
  process.env['SLOTCAST_TEST_PROGRAM'] ??
  fileURLToPath(new URL('../../services/cli/bin/slotcast.js', import.meta.url));
