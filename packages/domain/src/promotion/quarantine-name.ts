import { parseSlotName, type SlotName } from '../vocabulary/slot-name.ts';

/** NAMEDATALEN of PostgreSQL, less the byte at the end. */
const MAX_LENGTH = 63;

/**
 * The name under which a slot is kept that its subscriber must not use. It never ends like the slot's own name, so the two differ. One that would be
 * too long is cut, and then tells itself from others of the same beginning by a hash of the whole name.
 */
export function quarantineName(slot: SlotName): SlotName {
  const suffix = slot.endsWith('_diverged') ? '_again' : '_diverged';
  if (slot.length + suffix.length <= MAX_LENGTH) {
    return parseSlotName(`${slot}${suffix}`);
  }
  const end = `_${hashOf(slot)}${suffix}`;
  return parseSlotName(`${slot.slice(0, MAX_LENGTH - end.length)}${end}`);
}

/** FNV-1a of 32 bits, as eight hexadecimal digits. */
function hashOf(name: string): string {
  let hash = 0x811c9dc5;
  for (const character of name) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}
