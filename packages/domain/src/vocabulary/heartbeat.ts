/** The publisher writes a manifest at least this often, so that a consumer can tell silence from death. */
export const HEARTBEAT_MS = 5000;

/** A publisher that was not heard of for so long has missed two heartbeats: it, or its primary, may be dead. */
export const LATE_MS = 2 * HEARTBEAT_MS + 2000;
