import { compileLike, type LikePattern, matchesLike } from './like-pattern.ts';
import { isSlotName } from './slot-name.ts';
import { type SlotType, slotTypes } from './slot-state.ts';

export const slotFilterKeys = ['name', 'name_like', 'plugin', 'database', 'type'] as const;
export type SlotFilterKey = (typeof slotFilterKeys)[number];

/** One entry of a slot filter, without its `!`. */
export type SlotFilter =
  | { readonly key: 'name' | 'plugin' | 'database'; readonly value: string }
  | { readonly key: 'name_like'; readonly pattern: LikePattern }
  | { readonly key: 'type'; readonly value: SlotType };

/** A parsed list of slot filters: a slot is wanted when any `include` entry and no `exclude` entry matches it. */
export interface SlotFilters {
  readonly include: readonly SlotFilter[];
  readonly exclude: readonly SlotFilter[];
}

/** What a filter looks at. */
export interface FilterableSlot {
  readonly name: string;
  readonly type: SlotType;
  readonly plugin?: string | undefined;
  readonly database?: string | undefined;
}

/**
 * Reads a list of slot filters in the syntax of pg_failover_slots' `pg_failover_slots.synchronize_slot_names`:
 * comma-separated `name:x`, `name_like:x` (SQL LIKE over the whole name, backslash escapes) and `plugin:x`; an entry
 * without a key is a name. Beyond that: `database:x`, `type:logical`, `type:physical`, and a leading `!`, which excludes.
 *
 * - A slot is wanted when any entry matches; an excluding entry wins over all others, wherever it stands.
 * - Only excluding entries: every logical slot but these. Empty text: no slot at all.
 * - `name_like` takes in logical slots only, the only kind that pg_failover_slots knows; a physical slot has to be asked
 *   for by `type:physical` or its exact name, because a copy of it holds back WAL on every standby.
 *   An exclusion holds for both kinds.
 * - As in pg_failover_slots, names, patterns and plugins are folded to lower case unless they are double-quoted. Quotes may
 *   stand around the entry or its value, and protect commas and colons. Databases are taken as written.
 *
 * Throws a RangeError that names the entry when it is empty, has an unknown key, or could never match.
 */
export function parseSlotFilters(text: string): SlotFilters {
  if (text.trim() === '') {
    return { include: [], exclude: [] };
  }
  const include: SlotFilter[] = [];
  const exclude: SlotFilter[] = [];
  for (const raw of splitEntries(text)) {
    const entry = raw.trim();
    if (entry.startsWith('!')) {
      exclude.push(parseEntry(entry, entry.slice(1).trim()));
    } else {
      include.push(parseEntry(entry, entry));
    }
  }
  if (include.length === 0) {
    include.push({ key: 'type', value: 'logical' });
  }
  return { include, exclude };
}

/** True when the filters want the slot; see `parseSlotFilters` for the rules. */
export function matchesFilters(filters: SlotFilters, slot: FilterableSlot): boolean {
  return (
    filters.include.some((filter) => takesIn(filter, slot)) &&
    !filters.exclude.some((filter) => matches(filter, slot))
  );
}

function takesIn(filter: SlotFilter, slot: FilterableSlot): boolean {
  return matches(filter, slot) && !(filter.key === 'name_like' && slot.type === 'physical');
}

function matches(filter: SlotFilter, slot: FilterableSlot): boolean {
  return filter.key === 'name_like'
    ? matchesLike(filter.pattern, slot.name)
    : slot[filter.key] === filter.value;
}

function splitEntries(text: string): string[] {
  const entries: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '"') {
      quoted = !quoted;
    } else if (text[at] === ',' && !quoted) {
      entries.push(text.slice(start, at));
      start = at + 1;
    }
  }
  if (quoted) {
    throw new RangeError(`slot filters ${JSON.stringify(text)}: a double quote is not closed`);
  }
  return [...entries, text.slice(start)];
}

function parseEntry(entry: string, text: string): SlotFilter {
  const whole = unquote(text);
  const colon = whole.text.indexOf(':');
  const key = colon === -1 ? 'name' : whole.text.slice(0, colon).trim().toLowerCase();
  const value = unquote(whole.text.slice(colon + 1).trim());
  const quoted = whole.quoted || value.quoted;
  if (!isSlotFilterKey(key)) {
    throw rejected(entry, `unknown key ${JSON.stringify(key)}; known keys are ${slotFilterKeys.join(', ')}`);
  }
  if (value.text === '') {
    throw rejected(entry, colon === -1 ? 'the entry is empty' : `nothing stands after "${key}:"`);
  }
  if (key === 'database') {
    return { key, value: value.text };
  }
  if (value.text.includes(':')) {
    throw rejected(entry, 'an entry is key:value with one colon');
  }
  return filterOf(entry, key, quoted ? value.text : value.text.toLowerCase());
}

function filterOf(entry: string, key: Exclude<SlotFilterKey, 'database'>, value: string): SlotFilter {
  if (key === 'plugin') {
    return { key, value };
  }
  if (key === 'name_like') {
    const pattern = compileLike(value);
    if (pattern === undefined) {
      throw rejected(entry, 'the pattern must not end with its escape character');
    }
    return { key, pattern };
  }
  if (key === 'type') {
    if (!isSlotType(value)) {
      throw rejected(entry, `a slot's type is ${slotTypes.join(' or ')}`);
    }
    return { key, value };
  }
  if (!isSlotName(value)) {
    throw rejected(entry, 'no slot can have this name (1 to 63 of a-z, 0-9 and _); patterns need name_like:');
  }
  return { key, value };
}

function unquote(text: string): { readonly text: string; readonly quoted: boolean } {
  const match = /^"((?:[^"]|"")*)"$/.exec(text);
  return match?.[1] === undefined
    ? { text, quoted: false }
    : { text: match[1].replaceAll('""', '"'), quoted: true };
}

function isSlotFilterKey(text: string): text is SlotFilterKey {
  return slotFilterKeys.some((key) => key === text);
}

function isSlotType(text: string): text is SlotType {
  return slotTypes.some((type) => type === text);
}

function rejected(entry: string, reason: string): RangeError {
  return new RangeError(`slot filter ${JSON.stringify(entry)}: ${reason}`);
}
