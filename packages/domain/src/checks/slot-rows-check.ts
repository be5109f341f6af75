import { reasonText } from '../reasons/reason.ts';
import type { UnreadableSlot } from '../vocabulary/node-status.ts';
import { dropSlotStatement } from '../vocabulary/statements.ts';
import { type Check, failed, orOk } from './check.ts';

/** Tells of slots of the server that are left alone because their rows cannot be right. */
export function checkSlotRows(unreadable: readonly UnreadableSlot[]): readonly Check[] {
  const found = unreadable.map(({ slot, reason }) =>
    failed('slot_rows', `slot ${slot} is left alone: ${reasonText([reason])}`, dropSlotStatement(slot)),
  );
  return orOk(found, 'slot_rows', 'the row of each slot can be right');
}
