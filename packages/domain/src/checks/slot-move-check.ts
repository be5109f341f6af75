import { reasonText, sameReason } from '../reasons/reason.ts';
import { namesText } from '../vocabulary/names-text.ts';
import type { Reason } from '../vocabulary/reason.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { type Check, orOk, warning } from './check.ts';
import type { TopicContents } from './topic-checks.ts';

const REMEDY = '/* where it says what to do for each reason: */ docs/operating/cost-on-the-standby.md';
/** Names in one message. */
const NAMES = 5;

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
    return warning('slot_moves', `${what} can only be advanced by decoding: ${reasonText([why])}`, REMEDY);
  });
  return orOk(found, 'slot_moves', 'no slot has to be advanced by decoding');
}
