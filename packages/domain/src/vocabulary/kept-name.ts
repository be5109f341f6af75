import type { Incarnation } from './slot-event.ts';
import { parseSlotName, type SlotName } from './slot-name.ts';

/** NAMEDATALEN of PostgreSQL, less the byte at the end. */
const MAX_LENGTH = 63;

/** The name with a suffix. One that would be too long is cut, and then tells itself from others of the same beginning by a hash of the whole name. */
export function nameWithSuffix(slot: SlotName, suffix: string): SlotName {
  if (slot.length + suffix.length <= MAX_LENGTH) {
    return parseSlotName(`${slot}${suffix}`);
  }
  const end = `_${hashOf(slot)}${suffix}`;
  return parseSlotName(`${slot.slice(0, MAX_LENGTH - end.length)}${end}`);
}

/**
 * The name under which a standby keeps its copy of an orphaned slot when another slot has taken the name. Each incarnation has its own, so that two of them
 * never meet, and whoever finds the copy after a crash knows which one it is of.
 */
export function orphanName(slot: SlotName, { epoch, seq }: Incarnation): SlotName {
  return nameWithSuffix(slot, `_orphaned_${epoch}_${seq}`);
}

/** FNV-1a of 32 bits, as eight hexadecimal digits. */
function hashOf(name: string): string {
  let hash = 0x811c9dc5;
  for (const character of name) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}
