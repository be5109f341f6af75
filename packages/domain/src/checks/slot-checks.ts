import { reasonText, sameReason } from '../reasons/reason.ts';
import { doubtFilter, type FilterText } from '../reasons/slot-filter-doubt.ts';
import { isCanary } from '../vocabulary/canary-slot.ts';
import { namesText } from '../vocabulary/names-text.ts';
import type { UnreadableSlot } from '../vocabulary/node-status.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import type { SlotState } from '../vocabulary/slot-state.ts';
import { dropSlotStatement } from '../vocabulary/statements.ts';
import { type Check, failed, ok, orOk, warning } from './check.ts';
import type { TopicContents } from './topic-checks.ts';

const DECODING_REMEDY =
  '/* where it says what to do for each reason: */ docs/operating/cost-on-the-standby.md';
/** Names in one message. */
const NAMES = 5;

/** Tells of slots of the server that are left alone because their rows cannot be right. */
export function checkSlotRows(unreadable: readonly UnreadableSlot[]): readonly Check[] {
  const found = unreadable.map(({ slot, reason }) =>
    failed('slot_rows', `slot ${slot} is left alone: ${reasonText([reason])}`, dropSlotStatement(slot)),
  );
  return orOk(found, 'slot_rows', 'the row of each slot can be right');
}

/** Judges whether the filter can be meant as it is written, by the logical slots of the primary. */
export function checkSlotFilter(
  slots: readonly SlotState[],
  { filter, wanted }: { readonly filter: FilterText; readonly wanted: (slot: SlotState) => boolean },
): Check {
  const carried = slots.filter((slot) => !isCanary(slot));
  const selected = carried.filter(wanted).length;
  const live = carried.map(({ name }) => name).toSorted();
  const doubt = doubtFilter({ filter, live, wanted: selected, drops: 0, keeps: 0 });
  return doubt === undefined
    ? ok('slot_filter', `SLOTCAST_SLOTS selects ${selected} of ${carried.length} logical slots`)
    : failed('slot_filter', reasonText([doubt]), `SLOTCAST_SLOTS=${live.join(',')}`);
}

/**
 * Tells of slots that a standby can only advance by decoding, and why: of its own, or on the primary of all standbys. The record of a node that became the primary
 * stays what it was.
 */
export function checkSlotMoves(
  { nodeSlots, manifest }: Pick<TopicContents, 'nodeSlots' | 'manifest'>,
  self: { readonly node: string; readonly inRecovery: boolean },
): readonly Check[] {
  const isAsked = (node: string): boolean =>
    self.inRecovery ? node === self.node : node !== self.node && node !== manifest?.node;
  const groups: { node: string; why: Reason; slots: SlotName[] }[] = [];
  for (const { node, slot, role, decoding } of nodeSlots) {
    if (decoding === undefined || role !== 'standby' || !isAsked(node)) {
      continue;
    }
    const known = groups.find((group) => group.node === node && sameReason(group.why, decoding));
    if (known === undefined) {
      groups.push({ node, why: decoding, slots: [slot] });
    } else {
      known.slots.push(slot);
    }
  }
  const found = groups.map(({ node, why, slots }) => {
    const what = `${slots.length === 1 ? 'slot' : 'slots'} ${namesText(slots, NAMES)} on node ${node}`;
    return warning(
      'slot_moves',
      `${what} can only be advanced by decoding: ${reasonText([why])}`,
      DECODING_REMEDY,
    );
  });
  return orOk(found, 'slot_moves', 'no slot has to be advanced by decoding');
}
