import type { Violation } from '../types.ts';

/** How long after a slot has become bad its node may still call it ready, in virtual milliseconds: publisher and consumer have to look first. */
export const READY_PATIENCE_MS = 7000;

/** A slot that its node's newest record calls ready. */
export interface ReadySlot {
  readonly node: string;
  readonly slot: string;
  /** The server, promoted this moment, would give the subscriber all that it lacks of what the server has. */
  readonly isGood: boolean;
  /** When its node, and the publisher of the primary, were heard last, of the world. */
  readonly nodeHeardAt: number;
  readonly publisherHeardAt: number;
}

interface Episode {
  readonly since: number;
  /** A violation was found. */
  told: boolean;
}

/**
 * I3: a slot that is called ready is one with which its server can be promoted. A record is as old as what it was made from, so nothing is wrong before
 * both sides have been heard some time after the slot had become bad.
 */
export class ReadyWatch {
  /** Slots that are called ready and are bad. */
  #bad = new Map<string, Episode>();

  /** `ready`: all slots that are called ready now. */
  look(ready: readonly ReadySlot[], now: number): Violation[] {
    const found: Violation[] = [];
    const bad = new Map<string, Episode>();
    for (const slot of ready.filter(({ isGood }) => !isGood)) {
      const key = `${slot.node}/${slot.slot}`;
      const entry = this.#bad.get(key) ?? { since: now, told: false };
      bad.set(key, entry);
      if (!entry.told && isHeardAfter(slot, entry.since + READY_PATIENCE_MS)) {
        entry.told = true;
        found.push(violation(slot, now));
      }
    }
    this.#bad = bad;
    return found;
  }
}

function isHeardAfter({ nodeHeardAt, publisherHeardAt }: ReadySlot, at: number): boolean {
  return Math.min(nodeHeardAt, publisherHeardAt) > at;
}

function violation({ node, slot }: ReadySlot, at: number): Violation {
  const text = `${slot} is called ready on ${node}, which would not give its subscriber all that it lacks if it were promoted`;
  return { invariant: 'I3', at, slot, text };
}
