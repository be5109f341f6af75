import type { SimServer, SimSlot, Violation } from '../types.ts';

/**
 * I9: a service drops no good slot of a standby for what happened on the primary at a position that the standby's replay has not reached: the standby
 * may be promoted without it.
 */
export class OrderWatch {
  /** Where in the WAL a slot of a primary was dropped last, by name. */
  readonly #goneAt = new Map<string, number>();

  /** A slot is about to be dropped; `by` names the service, absent: somebody else does it. */
  drops(server: SimServer, { name }: SimSlot, by: string | undefined, now: number): Violation | undefined {
    if (!server.inRecovery) {
      this.#goneAt.set(name, server.insertLsn);
      return undefined;
    }
    const goneAt = this.#goneAt.get(name);
    const isEarly = by !== undefined && goneAt !== undefined && server.replayLsn < goneAt;
    if (!isEarly || server.wouldDeliver(name, undefined) === undefined) {
      return undefined;
    }
    const text = `${by} dropped the slot ${name} on ${server.node}, whose replay had not reached its drop on the primary`;
    return { invariant: 'I9', at: now, slot: name, text };
  }
}
