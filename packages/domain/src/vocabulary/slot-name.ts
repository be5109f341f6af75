/** A replication slot's name, as PostgreSQL accepts it: 1 to 63 of `a-z`, `0-9` and `_`. */
export type SlotName = string & { readonly __slotName: never };

const SLOT_NAME = /^[a-z0-9_]{1,63}$/;

/** True when PostgreSQL would accept the text as a slot name (`ReplicationSlotValidateName`). */
export function isSlotName(text: string): text is SlotName {
  return SLOT_NAME.test(text);
}

/** Reads a slot name. Throws a RangeError when PostgreSQL would reject it. */
export function parseSlotName(text: string): SlotName {
  if (!isSlotName(text)) {
    throw new RangeError(`not a slot name: ${JSON.stringify(text)} (1 to 63 of a-z, 0-9 and _)`);
  }
  return text;
}

/** Beginning of the names of temporary slots, which show where decoding may start. */
export const PROBE_PREFIX = 'slotcast_tmp_';

/** Beginning of the names of leading slots: slots of a standby are made anew as their copies, so that they need less WAL. */
export const LEADER_PREFIX = 'slotcast_leader_';

/** True for the name of a leading slot. The names are reserved: whatever stands under one is slotcast's to drop. */
export function isLeadingSlot(name: string): boolean {
  return name.startsWith(LEADER_PREFIX);
}

/** Names of the slots that slotcast makes for itself; they are working tools, not state to be carried over. */
export function isOwnWorkingSlot(name: string): boolean {
  return name.startsWith(PROBE_PREFIX) || isLeadingSlot(name) || name === 'slotcast_keep';
}
