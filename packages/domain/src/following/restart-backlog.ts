import type { RestartBacklog } from '../vocabulary/node-status.ts';
import type { RestartGap } from './restart-gap.ts';

/** What was seen of the gaps of restart_lsn over the last minute, and whether they count as a backlog. */
export interface BacklogWatch {
  readonly samples: readonly { readonly at: number; readonly bytes: number }[];
  readonly backlog: RestartBacklog | undefined;
}

export const noBacklog: BacklogWatch = { samples: [], backlog: undefined };

const SAMPLE_MS = 1000;
/** A gap counts as growing when it did so over this time. */
const WINDOW_MS = 60_000;
/** A backlog begins at so many times the gap at which something is done, and ends at half of that. */
const BEGIN_TIMES = 4n;
const END_TIMES = 2n;

/**
 * Brings up to date whether restart_lsn falls behind faster than it is made up. It begins when the largest gap is four times the one at which something
 * is done, and has grown for a minute; what is large and shrinks is only on its way. It ends when the gap is down to half of that.
 * `now` is a monotonic clock, `time` the same moment since 1970, in milliseconds.
 */
export function noteBacklog(
  watch: BacklogWatch,
  seen: {
    readonly gaps: readonly RestartGap[];
    readonly largestBytes: bigint;
    readonly now: number;
    readonly time: number;
  },
): BacklogWatch {
  const { gaps, largestBytes, now, time } = seen;
  const worst = gaps.reduce((most, { bytes }) => (bytes > most ? bytes : most), 0n);
  const samples = sampled(watch.samples, { at: now, bytes: Number(worst) });
  const isOn =
    watch.backlog === undefined
      ? worst >= largestBytes * BEGIN_TIMES && hasGrown(samples)
      : worst > largestBytes * END_TIMES;
  if (!isOn) {
    return { samples, backlog: undefined };
  }
  const slots = gaps.filter(({ bytes }) => bytes > largestBytes * END_TIMES).length;
  const since = watch.backlog?.since ?? time;
  return { samples, backlog: { slots, bytes: Number(worst), since } };
}

function sampled(
  samples: BacklogWatch['samples'],
  sample: BacklogWatch['samples'][number],
): BacklogWatch['samples'] {
  const last = samples.at(-1);
  const isFresh = last !== undefined && sample.at - last.at < SAMPLE_MS;
  return isFresh ? samples : [...samples, sample].filter(({ at }) => sample.at - at <= WINDOW_MS + SAMPLE_MS);
}

/** True when the whole time is on record, and the gap got nowhere as small in its second half as in the first: each look has its own ups and downs. */
function hasGrown(samples: BacklogWatch['samples']): boolean {
  const [first, last] = [samples.at(0), samples.at(-1)];
  if (first === undefined || last === undefined || last.at - first.at < WINDOW_MS) {
    return false;
  }
  const half = last.at - WINDOW_MS / 2;
  return least(samples.filter(({ at }) => at > half)) > least(samples.filter(({ at }) => at <= half));
}

function least(samples: BacklogWatch['samples']): number {
  return Math.min(...samples.map(({ bytes }) => bytes));
}
