import { type HandOffPlan, parseLsn } from '@slotcast/domain';

/** No slot is held back by how far the server's WAL counts. */
export const EVERYTHING = parseLsn('7FFFFFFF/FFFFFFFF');

/** A plan with nothing to do but this. */
export function planOf(over: Partial<HandOffPlan>): HandOffPlan {
  return {
    advances: [],
    restores: [],
    quarantines: [],
    creations: [],
    drops: [],
    failovers: [],
    ahead: [],
    lost: [],
    ...over,
  };
}
