import type { Reason } from '../vocabulary/reason.ts';
import { reason } from './reason.ts';

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
}): Reason | undefined {
  const { filter, live, wanted, drops, keeps } = input;
  if (filter.confirmed || (drops <= keeps && (wanted > 0 || live.length === 0))) {
    return undefined;
  }
  if (wanted > 0) {
    return reason('filter_drops', { filter: filter.text, drops, keeps });
  }
  const names = [...live.slice(0, SHOWN), ...(live.length > SHOWN ? ['…'] : [])];
  return reason('filter_selects_none', { filter: filter.text, count: live.length, names });
}
