import type { LocalSlot, SystemIdentifier } from '@slotcast/domain';
import type { LogWriter } from '@slotcast/event-log';
import type { PostgresConnection } from '@slotcast/postgres';
import type { NodeDirectory, SlotsFeed } from '@slotcast/topics';
import type { NodeLock } from './node-lock.ts';

/** What a session that followed the topics leaves to the hand-off of its server's slots. */
export interface PromotedSession {
  readonly feed: SlotsFeed;
  readonly directory: NodeDirectory;
  readonly writer: LogWriter;
  readonly systemIdentifier: SystemIdentifier;
  readonly serverVersion: number;
  readonly serverStartedAt: number;
  /** The server's slots at the last look while it was in recovery. */
  readonly slotsBefore: readonly LocalSlot[] | undefined;
  /** A walsender session with the server, open since before the promotion. */
  readonly walsender: PostgresConnection;
  /** Another session with the server, which has looked at it until the promotion. */
  readonly connection: PostgresConnection;
  /** On that session; absent when it could not be had. */
  readonly lock: NodeLock | undefined;
  /** When it had claimed the name of the node, by the monotonic clock. */
  readonly claimedAtMs: number;
  readonly drain: () => Promise<void>;
  readonly signal: AbortSignal;
}
