/**
 * Times, in milliseconds, that two sides go by: who writes or waits, and who concludes something from silence. A time that one file alone goes by
 * stands there.
 */

/** The publisher writes a manifest, and its node's record, at least this often, so that a consumer can tell silence from death. */
export const HEARTBEAT_MS = 5000;

/** A publisher that was not heard of for so long has missed two heartbeats: it, or its primary, may be dead. */
export const LATE_MS = 2 * HEARTBEAT_MS + 2000;

/** A publisher that hears of the promotion of another server writes its heartbeat this often, to tell that it is at work. */
export const RIVAL_HEARTBEAT_MS = 500;

/** A publisher of which nothing is heard for so long, although it would tell, is not at work. */
export const RIVAL_LATE_MS = 2000;

/** It tells for so long after it has heard of that promotion. */
export const RIVAL_LIFETIME_MS = 60_000;

/** A consumer writes its node's record at least this often. */
export const NODE_RECORD_MS = 10_000;

/** A consumer that was not heard of for so long has missed two records of its node. */
export const NODE_LATE_MS = 2 * NODE_RECORD_MS + 2000;

/** Older than this, a node's record does not tell any more what is so there now. */
export const NODE_STALE_MS = 3 * NODE_RECORD_MS;

/** A node that has not written for so long does not work: its name is free, and it does not tell who streams from it. */
export const NODE_SILENT_MS = 6 * NODE_RECORD_MS;

/** A consumer writes positions alone no more often than this; a change of state or reason at once. */
export const POSITIONS_MS = 10_000;

/** A ready copy that seems to be behind for no longer than this need not be behind at all: its positions are not written yet. */
export const POSITIONS_LATE_MS = POSITIONS_MS + 2000;

/** A consumer repeats its wish for a running-xacts record this often while it stands. */
export const WISH_REPEAT_MS = 1000;

/** For the publisher, a wish that was not repeated for so long stands no more. */
export const WISH_LIFETIME_MS = 5000;

/**
 * Whoever finds a promoted server waits so long for the record of the process that holds the lock of the node, before it hands the slots over itself. All that a consumer
 * may wait for, which is what follows, takes less. What the server itself needs comes on top, so that is not what makes two at once harmless.
 */
export const HAND_OFF_RECORD_MS = 20_000;

/**
 * A hand-off begins no step when it is longer ago that it was known to be the only one, and whoever takes over lets that time pass before its own
 * first step.
 */
export const HAND_OFF_LEASE_MS = 1000;

/** The guard sees the end of recovery within milliseconds, unless it has just lost its connection: it is waited for so long before a hand-off. */
export const HAND_OFF_GUARD_MS = 2000;

/** So much longer while it raises the fence, as a gigabyte of WAL may take a while. Then the hand-off raises the fence itself, which is safe to do twice at once. */
export const HAND_OFF_FENCE_MS = 3000;

/**
 * What has to be done at once after a promotion is waited for so long before a hand-off. It goes on beside that where it takes longer, which is harmless, too.
 */
export const HAND_OFF_SAFETY_MS = 1000;

/** So long whoever holds the lock of the node has to do that itself, before another process of the node does it in its place. */
export const SAFETY_PATIENCE_MS = 2000;

/** How long a consumer waits for the last records before a promotion. */
export const HAND_OFF_DRAIN_MS = 9_000;

/**
 * For the steps of a hand-off that wait for others, in all rounds together: consumers that let go of a slot, standbys that confirm. Everything else
 * goes first, and a slot can be used without them.
 */
export const HAND_OFF_PATIENCE_MS = 2000;

/** What a hand-off could not rename or drop is tried again so often, after a pause each. */
export const HAND_OFF_RETRIES = 4;
export const HAND_OFF_RETRY_PAUSE_MS = 500;

/** A running consumer answers the command that asks for an adoption within this time, and the command waits a little longer. */
export const ADOPTION_MS = 10_000;

/** Whoever asks what a slot on the primary delivers waits so long for the answer; an older question is not answered any more. */
export const PROOF_ANSWER_MS = 60_000;
