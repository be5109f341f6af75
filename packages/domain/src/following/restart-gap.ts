import { type Lsn, minLsn } from '../vocabulary/lsn.ts';
import { databaseOf, type SlotDatabase } from '../vocabulary/slot-database.ts';
import type { SlotEvent } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { isLogical, type LocalLogicalSlot, type LocalSlot } from '../vocabulary/slot-state.ts';
import type { SlotLimits } from './slot-limits.ts';
import type { SlotVerdict } from './slot-verdict.ts';

/** Share of `max_slot_wal_keep_size` that a copy may be behind: the rest is for open transactions, and for the time that it takes. */
const LIMIT_PART = 4n;
/** From a gap of so many times the largest one on there is no waiting for more slots to share the work, nor from the second part of the limit on. */
const HURRY_TIMES = 3n;
const HURRY_LIMIT_PART = 2n;

/** How far the restart_lsn of a copy is behind that of the primary's slot. */
export interface RestartGap {
  readonly slot: SlotName;
  readonly database: SlotDatabase;
  readonly plugin: string;
  readonly restartLsn: Lsn;
  /** Where the copy stands: its restart_lsn can be moved by decoding up to there. */
  readonly position: Lsn;
  /** Restart_lsn of the primary's slot, where the copy has come that far. */
  readonly wanted: Lsn;
  /** WAL between the two. An open transaction on the primary makes no gap, as it holds back both. */
  readonly bytes: bigint;
  /** It may be dropped and made anew as a copy of another slot. */
  readonly remakeable: boolean;
}

/** The gaps of all sound copies, which may be zero. */
export function restartGaps(input: {
  readonly verdicts: readonly SlotVerdict[];
  readonly local: readonly LocalSlot[];
  readonly desired: ReadonlyMap<SlotName, SlotEvent>;
}): RestartGap[] {
  const sound = new Set(input.verdicts.flatMap(({ slot, sound: is }) => (is === true ? [slot] : [])));
  return input.local.flatMap((local) => {
    const wanted = input.desired.get(local.name)?.state?.restartLsn;
    const { restartLsn, confirmedFlushLsn: position } = local;
    return sound.has(local.name) &&
      isLogical(local) &&
      wanted !== undefined &&
      restartLsn !== undefined &&
      position !== undefined
      ? [gapOf(local, { wanted: minLsn(wanted, position), restartLsn, position })]
      : [];
  });
}

function gapOf(
  local: LocalLogicalSlot,
  at: Pick<RestartGap, 'wanted' | 'restartLsn' | 'position'>,
): RestartGap {
  const { name, plugin } = local;
  const bytes = at.wanted > at.restartLsn ? at.wanted - at.restartLsn : 0n;
  // A copy loses two_phase.
  const remakeable = !local.twoPhase;
  return { slot: name, database: databaseOf(local), plugin, ...at, bytes, remakeable };
}

/** The gap from which on something is done about it; `chosen` by the operator. */
export function largestGapBytes(limits: SlotLimits, chosen: bigint): bigint {
  return withinLimit(chosen, limits, LIMIT_PART);
}

/** The gap from which on it is urgent. */
export function urgentGapBytes(limits: SlotLimits, chosen: bigint): bigint {
  return withinLimit(chosen * HURRY_TIMES, limits, HURRY_LIMIT_PART);
}

function withinLimit(bytes: bigint, { keepBytes }: SlotLimits, part: bigint): bigint {
  const most = keepBytes === undefined ? bytes : keepBytes / part;
  return most < bytes ? most : bytes;
}

/** Since when a slot has had a gap with the restart_lsn that it has. */
export type GapAges = ReadonlyMap<SlotName, { readonly restartLsn: Lsn; readonly since: number }>;

/** So long a gap that is too small to matter may stand, in milliseconds. */
export const OVERDUE_MS = 300_000;

/** Brings the ages up to date. `now` is a monotonic clock in milliseconds. */
export function noteGapAges(ages: GapAges, gaps: readonly RestartGap[], now: number): GapAges {
  return new Map(
    gaps.flatMap(({ slot, restartLsn, bytes }) => {
      const known = ages.get(slot);
      if (bytes === 0n) {
        return [];
      }
      return [[slot, known?.restartLsn === restartLsn ? known : { restartLsn, since: now }]];
    }),
  );
}

/** Slots whose gap stands for too long. */
export function overdueGaps(ages: GapAges, now: number): ReadonlySet<SlotName> {
  return new Set([...ages].flatMap(([slot, { since }]) => (now - since >= OVERDUE_MS ? [slot] : [])));
}
