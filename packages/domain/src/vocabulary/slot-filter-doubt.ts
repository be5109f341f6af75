/** `SLOTCAST_SLOTS` as it was written, and whether `SLOTCAST_SLOTS_CONFIRM` repeats it. */
export interface FilterText {
  readonly text: string;
  readonly confirmed: boolean;
}

/** Names that are shown of many. */
const SHOWN = 3;

/**
 * Why a filter has to be confirmed before it is believed: it selects none of the slots that there are, or it would drop more copies than it
 * keeps. One letter too many is enough for either. `undefined` when it is beyond doubt, or was confirmed. Where the primary has no logical slot at
 * all, there is nothing that a filter could miss.
 */
export function doubtFilter(input: {
  readonly filter: FilterText;
  /** Names of the live logical slots of the primary. */
  readonly live: readonly string[];
  readonly wanted: number;
  /** Copies here of live slots that it does not select, and that it does. */
  readonly drops: number;
  readonly keeps: number;
}): string | undefined {
  const { filter, live, wanted, drops, keeps } = input;
  if (filter.confirmed || (drops <= keeps && (wanted > 0 || live.length === 0))) {
    return undefined;
  }
  const names = live.slice(0, SHOWN).join(', ') + (live.length > SHOWN ? ', …' : '');
  const fact =
    wanted === 0
      ? `selects none of the logical slots of the primary (${live.length}: ${names})`
      : `would have ${drops} copies dropped, and ${keeps} kept`;
  return (
    `SLOTCAST_SLOTS=${filter.text} ${fact}: correct it, or set SLOTCAST_SLOTS_CONFIRM to the same text if that is meant. ` +
    'Until then no copy is dropped because of it'
  );
}
