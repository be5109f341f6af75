import type { Violation } from '../types.ts';

/** Sessions that may come and go at any moment, beside those that stay. */
const PASSING_SESSIONS = 3;
/** The most slots that slotcast keeps for itself on one server: leading slots, and those that it makes others with. */
const MOST_OWN_SLOTS = 6;
/** Records that a node writes of itself, and of each slot, within a second: far more than a heartbeat and positions take. */
const RECORDS_PER_SECOND = 0.5;

/** What could grow. */
export interface Sizes {
  /** Of the world, in milliseconds. */
  readonly at: number;
  /** Open sessions by server. */
  readonly sessions: ReadonlyMap<string, number>;
  /** Slots with names of slotcast's own by server. */
  readonly ownSlots: ReadonlyMap<string, number>;
  /** Records that were ever written, by topic. */
  readonly records: ReadonlyMap<string, number>;
}

/** I5: nothing grows while nothing happens. `writers`: how many nodes and slots on nodes there are, each of which is written about. */
export function judgeGrowth(before: Sizes, after: Sizes, writers: number): Violation[] {
  const { at } = after;
  const texts = [
    ...grown(after.sessions, before.sessions, PASSING_SESSIONS).map(
      ([node, sessions]) => `${node} has ${sessions} more sessions`,
    ),
    ...grown(after.ownSlots, new Map(), MOST_OWN_SLOTS).map(
      ([node, slots]) => `${node} has ${slots} slots that slotcast keeps for itself`,
    ),
    ...grown(
      after.records,
      before.records,
      Math.ceil(((at - before.at) / 1000) * RECORDS_PER_SECOND * writers),
    ).map(([topic, records]) => `${records} records were written to ${topic} within ${at - before.at} ms`),
  ];
  return texts.map((text) => ({ invariant: 'I5', at, text: `${text}, although all is calm` }));
}

/** What is more by more than that. */
function grown(
  after: ReadonlyMap<string, number>,
  before: ReadonlyMap<string, number>,
  limit: number,
): readonly (readonly [name: string, by: number])[] {
  return [...after]
    .map(([name, size]) => [name, size - (before.get(name) ?? 0)] as const)
    .filter(([, by]) => by > limit);
}
