import { type HandOffPlan, parseLsn } from '@slotcast/domain';
import { SlotMover } from '@slotcast/hand-off';

/** No slot is held back by how far the server's WAL counts. */
export const EVERYTHING = parseLsn('7FFFFFFF/FFFFFFFF');

/** A plan with nothing to do but this. */
export function planOf(over: Partial<HandOffPlan>): HandOffPlan {
  return {
    advances: [],
    restores: [],
    quarantines: [],
    placeholders: [],
    creations: [],
    drops: [],
    twoPhases: [],
    failovers: [],
    physicalMoves: [],
    readersAhead: [],
    ahead: [],
    lost: [],
    ...over,
  };
}

/** No other process hands anything over. */
export const alone = { assertHeld: () => Promise.resolve() };

export function moverAlone(options: Omit<ConstructorParameters<typeof SlotMover>[0], 'lease'>): SlotMover {
  return new SlotMover({ ...options, lease: alone });
}
