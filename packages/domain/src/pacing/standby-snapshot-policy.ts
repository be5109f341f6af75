import type { Lsn } from '../vocabulary/lsn.ts';

/** WAL after which a running-xacts record is worth its price. */
export const SNAPSHOT_WAL_BYTES = 64n * 1024n * 1024n;
const GAP_MS = 1000;
/** Between the first records of a wish: a slot is made in steps, each of which may take one. */
const FIRST_GAP_MS = 250;
const FIRST_RECORDS = 3;
/** After so many records for one wish, whatever holds the creation up is not a missing record. */
const PROMPT_RECORDS = 8;
const STANDING_WISH_GAP_MS = 5000;

/** What is remembered between two calls. */
export interface SnapshotPolicyState {
  /** The primary's position at the last record, or at the start of the tenure. */
  readonly lastLsn: Lsn;
  /** When the last record was logged. */
  readonly lastAt?: number | undefined;
  /** Records logged so far for each wish that still stands. */
  readonly served: ReadonlyMap<string, number>;
}

/** The state at the start of a tenure, from where WAL is counted. */
export function startSnapshotPolicy(lsn: Lsn): SnapshotPolicyState {
  return { lastLsn: lsn, served: new Map() };
}

/**
 * Says whether to log a running-xacts record (`pg_log_standby_snapshot()`) now: for the wishes of consumers that are creating slots,
 * and per 64 MB of WAL, so that no advance or promotion has to decode much, at most one a second. A creation needs a few of
 * them while transactions run, the first ones in quick succession; when a wish still stands after eight it waits for a long transaction, and gets one in 5 s,
 * because each record costs every later advance a save of the slot.
 *
 * `wishes` name who asks, such as node names. `now` is a monotonic clock in milliseconds. `state` of the answer holds once the
 * record is logged, where `log` says so. `nextAt`: when a reason that stands already allows the next record.
 */
export function judgeSnapshot(input: {
  readonly state: SnapshotPolicyState;
  readonly wishes: readonly string[];
  readonly lsn: Lsn;
  readonly now: number;
}): { readonly log: boolean; readonly nextAt: number | undefined; readonly state: SnapshotPolicyState } {
  const { state, lsn, now } = input;
  const served = new Map(input.wishes.map((wish) => [wish, state.served.get(wish) ?? 0]));
  const gaps = [...served.values()].map(gapAfter);
  if (lsn - state.lastLsn >= SNAPSHOT_WAL_BYTES) {
    gaps.push(GAP_MS);
  }
  if (gaps.length === 0) {
    return { log: false, nextAt: undefined, state: { ...state, served } };
  }
  const allowedAt = state.lastAt === undefined ? now : state.lastAt + Math.min(...gaps);
  if (now < allowedAt) {
    return { log: false, nextAt: allowedAt, state: { ...state, served } };
  }
  const counted = new Map([...served].map(([wish, count]) => [wish, count + 1]));
  return { log: true, nextAt: undefined, state: { lastLsn: lsn, lastAt: now, served: counted } };
}

function gapAfter(served: number): number {
  if (served < FIRST_RECORDS) {
    return FIRST_GAP_MS;
  }
  return served < PROMPT_RECORDS ? GAP_MS : STANDING_WISH_GAP_MS;
}
