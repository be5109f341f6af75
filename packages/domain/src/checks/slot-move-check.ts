import { namesText } from '../vocabulary/names-text.ts';
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
  const groups = new Map<string, { node: string; reason: string; slots: SlotName[] }>();
  for (const { node, slot, role, decodingReason: reason } of nodeSlots) {
    if (reason !== undefined && role === 'standby' && isAsked(node)) {
      const key = JSON.stringify([node, reason]);
      const group = groups.get(key) ?? { node, reason, slots: [] };
      group.slots.push(slot);
      groups.set(key, group);
    }
  }
  const found = [...groups.values()].map(({ node, reason, slots }) => {
    const what = `${slots.length === 1 ? 'slot' : 'slots'} ${namesText(slots, NAMES)} on node ${node}`;
    return warning('slot_moves', `${what} can only be advanced by decoding: ${reason}`, REMEDY);
  });
  return orOk(found, 'slot_moves', 'no slot has to be advanced by decoding');
}
