/**
 * Imported before anything else by a process that is to run with edited sources: SLOTCAST_SIMULATION_EDITS says which, as JSON, a list of
 * `{ file, find, replace }` with files from the root of the checkout.
 */
import { register } from 'node:module';

const data = JSON.parse(process.env.SLOTCAST_SIMULATION_EDITS ?? '[]');
register('./source-hook.mjs', import.meta.url, { data });
process.env.SLOTCAST_SIMULATION_EDITS = undefined;
