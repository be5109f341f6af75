import { HAND_OFF_LEASE_MS } from '@slotcast/domain';
import {
  endNodeLockHolders,
  isPostgresError,
  type PostgresConnection,
  readNodeLockHolders,
  releaseNodeLock,
  tryNodeLock,
} from '@slotcast/postgres';

/**
 * Shows on the server itself who is to hand its slots over: an advisory lock under the name of the node. The consumer holds it from its claim on, and
 * whoever else hands over takes it first. It ends with the session that holds it, so where it is free, no process that held it can show any more
 * that it still does: it died, or its session failed.
 */
export class NodeLock {
  readonly #connection: PostgresConnection;
  readonly #name: string;
  #isTaken = false;

  /** `safe`: another lock, which shows that all is done that must not wait after a promotion. It ends with the process that did it. */
  constructor(
    connection: PostgresConnection,
    { cluster, node }: { readonly cluster: string; readonly node: string },
    purpose: 'node' | 'safe' = 'node',
  ) {
    this.#connection = connection;
    this.#name = `slotcast.${cluster}.${purpose}.${node}`;
  }

  /** False when another session holds it, in whatever database. */
  async tryTake(signal: AbortSignal): Promise<boolean> {
    if (!(await tryNodeLock(this.#connection, this.#name, signal))) {
      return false;
    }
    this.#isTaken = true;
    const { others } = await readNodeLockHolders(this.#connection, this.#name, { signal });
    if (others) {
      await this.release(signal);
    }
    return !others;
  }

  /** Asks the server whether the lock is still held by this session. False when it does not say so in time, or the session has ended. */
  async isHeld(signal: AbortSignal): Promise<boolean> {
    if (!this.#isTaken || this.#connection.broken) {
      return false;
    }
    try {
      const limits = { signal, timeoutMs: HAND_OFF_LEASE_MS };
      return (await readNodeLockHolders(this.#connection, this.#name, limits)).own;
    } catch (error) {
      signal.throwIfAborted();
      if (isPostgresError(error)) {
        return false;
      }
      throw error;
    }
  }

  /** Whether another session holds it. */
  async isHeldElsewhere(signal: AbortSignal): Promise<boolean> {
    return (await readNodeLockHolders(this.#connection, this.#name, { signal })).others;
  }

  /** Ends the session that holds it, unless it is one of another role. */
  async endHolder(signal: AbortSignal): Promise<void> {
    await endNodeLockHolders(this.#connection, this.#name, signal);
  }

  /** Gives it back, where the session goes on without it. Rejects when the server does not answer in time, and the lock ends with the session then. */
  async release(signal?: AbortSignal): Promise<void> {
    if (this.#isTaken && !this.#connection.broken) {
      this.#isTaken = false;
      await releaseNodeLock(this.#connection, this.#name, { signal, timeoutMs: HAND_OFF_LEASE_MS });
    }
  }
}
