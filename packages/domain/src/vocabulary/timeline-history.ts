import { type Timeline, timeline } from './identity.ts';
import { formatLsn, type Lsn, lsn, minLsn, parseLsn } from './lsn.ts';

const FIRST_LSN = lsn(1n);

/** One line of a timeline history file: the server left `timeline` at `switchLsn`. */
export interface TimelineSwitch {
  readonly timeline: Timeline;
  readonly switchLsn: Lsn;
}

/** A server's line of descent: the timeline it writes or replays now, and its ancestors, oldest first. */
export interface TimelineHistory {
  readonly timeline: Timeline;
  readonly ancestors: readonly TimelineSwitch[];
}

/**
 * Reads a timeline history file (`00000002.history`, the answer of `TIMELINE_HISTORY 2`): lines of parent timeline,
 * switch point and a reason; `#` starts a comment. Throws a RangeError on a malformed line, and when timelines do not increase
 * up to the current one (the rule of `readTimeLineHistory`).
 */
export function parseTimelineHistory(current: Timeline, text: string): TimelineHistory {
  const ancestors: TimelineSwitch[] = [];
  for (const line of text.split('\n')) {
    const content = line.replace(/#.*$/, '').trim();
    if (content === '') {
      continue;
    }
    const [parent, switchPoint] = content.split(/\s+/);
    if (parent === undefined || switchPoint === undefined || !/^[0-9]+$/.test(parent)) {
      throw new RangeError(`malformed line in the history of timeline ${current}: ${JSON.stringify(line)}`);
    }
    const ancestor = { timeline: timeline(Number(parent)), switchLsn: parseLsn(switchPoint) };
    if (ancestor.timeline >= current || ancestor.timeline <= (ancestors.at(-1)?.timeline ?? 0)) {
      throw new RangeError(`timeline ${parent} is out of order in the history of timeline ${current}`);
    }
    ancestors.push(ancestor);
  }
  return { timeline: current, ancestors };
}

/** Where a position of `timeline` stands relative to this server's own history. */
export type BranchPosition = 'on_history' | 'other_branch' | 'not_yet_known';

/**
 * Where two lines of descent part: the last timeline that they have in common, and the end of what they share of it. Timelines after that are different ones, though their numbers may be equal: each server takes
 * the next number that it knows of nobody having taken.
 */
export interface Parting {
  readonly timeline: number;
  readonly lsn: Lsn;
}

/**
 * Says whether position `position` of timeline `timeline` belongs to the WAL that a server with this history has or will have.
 * `other_branch`: an ancestor was left before that position, so this server never had it. `not_yet_known`: a
 * timeline that is not in the history; the server may still follow it later. `parting`: where the line parts from that of whoever told of the position; absent where one of the two
 * goes on from the other, so that the number of a timeline tells which one is meant.
 */
export function branchOf(
  history: TimelineHistory,
  point: { readonly timeline: Timeline; readonly lsn: Lsn },
  parting?: Parting,
): BranchPosition {
  if (parting !== undefined && point.timeline > parting.timeline) {
    return 'other_branch';
  }
  if (point.timeline === history.timeline) {
    return 'on_history';
  }
  const left = history.ancestors.find((ancestor) => ancestor.timeline === point.timeline);
  if (left !== undefined) {
    return point.lsn <= left.switchLsn ? 'on_history' : 'other_branch';
  }
  return point.timeline < history.timeline ? 'other_branch' : 'not_yet_known';
}

/** Where a line parts from another one, such as that of a topic; `undefined` where one of them goes on from the other, or nothing is known of the other. */
export function partingOf(history: TimelineHistory, other: TimelineHistory | undefined): Parting | undefined {
  return other === undefined || descendsFrom(other, history) || descendsFrom(history, other)
    ? undefined
    : commonEnd(history, other);
}

/** True when both histories name the same ancestors with the same switch points. */
export function sameHistory(a: TimelineHistory, b: TimelineHistory): boolean {
  return describeHistory(a) === describeHistory(b);
}

/** True when a server with `history` went through the whole of `past`: the same history, or a continuation of it. */
export function descendsFrom(history: TimelineHistory, past: TimelineHistory): boolean {
  if (history.timeline === past.timeline) {
    return sameHistory(history, past);
  }
  const left = history.ancestors.findIndex((ancestor) => ancestor.timeline === past.timeline);
  const before = { timeline: past.timeline, ancestors: history.ancestors.slice(0, left) };
  return left !== -1 && sameHistory(before, past);
}

/**
 * The history of a server that was seen replaying `before`, and then left recovery for a new timeline at `switchLsn`. A promotion takes
 * a number above all that the server knows of, so the next one leaves no other that it could have gone to in between. `undefined` for any
 * other number: nothing is known of the way there.
 */
export function promotedHistory(
  before: TimelineHistory,
  at: { readonly timeline: Timeline; readonly switchLsn: Lsn },
): TimelineHistory | undefined {
  return at.timeline === before.timeline + 1
    ? {
        timeline: at.timeline,
        ancestors: [...before.ancestors, { timeline: before.timeline, switchLsn: at.switchLsn }],
      }
    : undefined;
}

/** A history in one line for messages, such as `1@0/3000000 → 2`. */
export function describeHistory(history: TimelineHistory): string {
  const past = history.ancestors.map((ancestor) => `${ancestor.timeline}@${formatLsn(ancestor.switchLsn)}`);
  return [...past, String(history.timeline)].join(' → ');
}

/**
 * Where a server with this history left the WAL of `timeline`, which is not its own. Where the two parted, when that is told by `other`, the history of a
 * server that was on it: also when a timeline of that number is in both, and began elsewhere. Else where it left the last one before that, which is at or beyond that point.
 */
export function leftAt(history: TimelineHistory, timeline: Timeline, other?: TimelineHistory): Lsn {
  const isToldOf =
    other?.timeline === timeline || other?.ancestors.some((ancestor) => ancestor.timeline === timeline);
  const common = other !== undefined && isToldOf === true ? commonEnd(history, other) : undefined;
  if (common !== undefined && timeline > common.timeline) {
    return common.lsn;
  }
  const own = history.ancestors.find((ancestor) => ancestor.timeline === timeline);
  const left = history.ancestors.findLast((ancestor) => ancestor.timeline < timeline);
  return own?.switchLsn ?? common?.lsn ?? left?.switchLsn ?? FIRST_LSN;
}

/**
 * The same of a server that was promoted, and of what others published: it began its own timeline itself, so it has nothing of theirs beyond that point, though one of them may have begun a timeline of the same number there, and
 * others have gone on from that.
 */
export function leftWhenPromoted(history: TimelineHistory, timeline: Timeline, other?: TimelineHistory): Lsn {
  const left = leftAt(history, timeline, other);
  const own = lastSwitch(history);
  return own === undefined ? left : minLsn(left, own.switchLsn);
}

/** The end of the WAL that servers with these histories have in common; `undefined` when the histories are equal. */
function commonEnd(a: TimelineHistory, b: TimelineHistory): Parting | undefined {
  const [ours, theirs] = [segmentsOf(a), segmentsOf(b)];
  let last: Parting = { timeline: 0, lsn: FIRST_LSN };
  for (const [index, { timeline, end }] of ours.entries()) {
    const other = theirs[index];
    if (other === undefined || other.timeline !== timeline) {
      // Both began another timeline where the one before it ended.
      return last;
    }
    if (end === undefined || other.end === undefined) {
      const lsn = end ?? other.end;
      return lsn && { timeline, lsn };
    }
    if (end !== other.end) {
      return { timeline, lsn: minLsn(end, other.end) };
    }
    last = { timeline, lsn: end };
  }
  return undefined;
}

/** The timelines that a server went through, oldest first, each with its end; the one that it writes has none. */
function segmentsOf({
  timeline,
  ancestors,
}: TimelineHistory): readonly { readonly timeline: Timeline; readonly end: Lsn | undefined }[] {
  const left = ancestors.map((ancestor) => ({ timeline: ancestor.timeline, end: ancestor.switchLsn }));
  return [...left, { timeline, end: undefined }];
}

/**
 * A timeline and where the one before it was left. The number alone does not tell which WAL is meant: servers that were promoted one by one take the same number, and so
 * does one server that was made a standby again without what it had.
 */
export interface TimelineStart {
  readonly timeline: Timeline;
  readonly switchLsn: Lsn;
}

/** How the timelines of a history but the first began, oldest first. */
export function startsOf({ timeline, ancestors }: TimelineHistory): readonly TimelineStart[] {
  return ancestors.map(({ switchLsn }, index) => ({
    timeline: ancestors[index + 1]?.timeline ?? timeline,
    switchLsn,
  }));
}

/** How the newest timeline of a history began; `undefined` for a server that was never promoted. */
export function startOf(history: TimelineHistory): TimelineStart | undefined {
  return startsOf(history).at(-1);
}

/** True when both are known, and are one timeline. */
export function sameStart(a: TimelineStart | undefined, b: TimelineStart | undefined): boolean {
  return a !== undefined && a.timeline === b?.timeline && a.switchLsn === b.switchLsn;
}

/** The timeline that a promoted server left last, and where. Absent on a server that was never promoted. */
export function lastSwitch(history: TimelineHistory): TimelineSwitch | undefined {
  return history.ancestors.at(-1);
}

/** The history that a promoted server had before: its line of descent up to the timeline that it left last. */
export function historyBefore(history: TimelineHistory): TimelineHistory | undefined {
  const left = lastSwitch(history);
  return left === undefined
    ? undefined
    : { timeline: left.timeline, ancestors: history.ancestors.slice(0, -1) };
}

/** Whose WAL the byte at this position is, for a server with this history (`tliOfPointInHistory`). */
export function timelineAt(history: TimelineHistory, position: bigint): Timeline {
  return history.ancestors.find(({ switchLsn }) => position < switchLsn)?.timeline ?? history.timeline;
}
