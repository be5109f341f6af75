import { restPause, usualDuration } from './usual-duration.ts';

/** The standby is looked at this often while nothing happens. */
const IDLE_MS = 500;
/** Of the time for rounds in which nothing is to be done. It may be little: a record rings, and the end of recovery is watched for besides. */
const REST_SHARE = 0.0025;
/** The standby is looked at this often while somebody waits for an answer. */
const URGENT_MS = 10;
/** The same while advances are left and slots are moved once a second only, as the server logs every session. */
const LOUD_MS = 100;

/** What is expected of a round at rest before one was measured. */
export const FIRST_ROUND_MS = 1;

/** What a round of the consumer was about, as far as its duration says something of rounds at rest. */
export interface RoundKind {
  /** A slot or its ownership changed. */
  readonly stepped: boolean;
  /** A slot was moved, or is still to be. */
  readonly moved: boolean;
  /** Somebody waited for an answer. */
  readonly urgent: boolean;
}

/** The usual duration of a round at rest after one took `ms`. A round that had something to do, or somebody to answer, changes nothing. */
export function usualRound(usualMs: number, ms: number, { stepped, moved, urgent }: RoundKind): number {
  return stepped || moved || urgent ? usualMs : usualDuration(usualMs, ms);
}

/** What the longest pause between two rounds depends on. */
export interface RoundRest {
  /** Usual duration of a round at rest, all of it. */
  readonly usualMs: number;
  /** Somebody waits for an answer. */
  readonly urgent: boolean;
  /** A slot has an event that replay has not reached. */
  readonly waiting: boolean;
  /** Present when slots have not reached their goals: whether the server logs no sessions, and when their budget allows the next advance, if it is known. */
  readonly advances?: { readonly quiet: boolean; readonly waitMs: number | undefined } | undefined;
  /** When the next record about this node is due. */
  readonly reportDueMs: number;
}

/**
 * The longest pause between two rounds of the consumer, in milliseconds: `IDLE_MS`, or longer where rounds at rest would take more than
 * `REST_SHARE` of the time, so that hundreds of slots do not become a load. Shorter when somebody waits, when an event waits for replay, when
 * advances are left, or when a record is due.
 */
export function longestRest({ usualMs, urgent, waiting, advances, reportDueMs }: RoundRest): number {
  const idleMs = restPause({ usualMs, idleMs: IDLE_MS, share: REST_SHARE });
  const limits = [urgent ? URGENT_MS : idleMs, reportDueMs];
  if (waiting) {
    limits.push(IDLE_MS);
  }
  if (advances !== undefined) {
    limits.push(advances.quiet ? (advances.waitMs ?? idleMs) : LOUD_MS);
  }
  return Math.min(...limits);
}
