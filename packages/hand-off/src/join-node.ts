import type { Clock, Logger } from '@slotcast/kernel';
import { isInRecovery, type PostgresConnection } from '@slotcast/postgres';
import { NodeLock } from './node-lock.ts';

/** How often the session of an earlier process is ended that holds the lock: it is gone at once, unless it is one of another role. */
const JOIN_ATTEMPTS = 3;
const JOIN_PAUSE_MS = 50;

/** The lock of the node, which is absent when it could not be had; or the server was promoted, and there is nothing to join. */
export type JoinedLock =
  | { readonly kind: 'joined'; readonly lock: NodeLock | undefined }
  | { readonly kind: 'promoted' };

/**
 * Takes the lock of the node for a session that is about to claim the node's name, and ends the session that an earlier process of this node
 * holds it with: what is frozen must not go on later as if nobody had come after it. When the server has left recovery meanwhile, whoever
 * holds the lock hands over, and the session has nothing to claim.
 */
export async function joinNode(
  connection: PostgresConnection,
  options: {
    readonly cluster: string;
    readonly node: string;
    readonly clock: Clock;
    readonly logger: Logger;
  },
  signal: AbortSignal,
): Promise<JoinedLock> {
  const { clock, logger } = options;
  const lock = new NodeLock(connection, options);
  for (let left = JOIN_ATTEMPTS; !(await lock.tryTake(signal)); left -= 1) {
    if (!(await isInRecovery(connection, signal))) {
      return { kind: 'promoted' };
    }
    if (left === 0) {
      logger.warn(
        {},
        'a session of another role holds the lock of this node: without it, no hand-off can begin while Kafka is away',
      );
      return { kind: 'joined', lock: undefined };
    }
    await lock.endHolder(signal);
    await clock.sleep(JOIN_PAUSE_MS, signal);
  }
  return { kind: 'joined', lock };
}
