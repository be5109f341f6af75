import type { ReadinessState } from '@slotcast/domain';
import type { Violation } from '../types.ts';

/** How a slot of the primary stands on a standby, by the record of its node. */
export interface CalmSlot {
  readonly node: string;
  readonly slot: string;
  /** Absent: there is no record. */
  readonly state: ReadinessState | undefined;
  /** How many reasons are given. */
  readonly reasons: number;
}

/** How things stand when all that had failed is well again, and nothing has happened for a while. */
export interface CalmFacts {
  /** The server that all are led to. */
  readonly primary: string;
  /** The node of the newest manifest; absent: there is none. */
  readonly publisher: string | undefined;
  /** The publisher of the primary has ended, and said why: two servers were promoted, and a person has to decide. */
  readonly isRefused: boolean;
  /** Of every standby that streams, each slot that it wants and the primary has. */
  readonly slots: readonly CalmSlot[];
}

/**
 * I6: where nothing happens any more the topic is published by the primary, and each slot is ready on each standby, or a reason is given;
 * or the publisher of the primary has said why it must not publish.
 */
export function judgeCalm(facts: CalmFacts, now: number): Violation[] {
  const { primary, publisher, isRefused, slots } = facts;
  if (isRefused) {
    return [];
  }
  const found: Violation[] = [];
  if (publisher !== primary) {
    const text = `${publisher ?? 'nobody'} publishes, although ${primary} is the primary and all is calm`;
    found.push({ invariant: 'I6', at: now, text });
  }
  for (const { node, slot, state, reasons } of slots) {
    if (state !== 'ready' && reasons === 0) {
      const text = `${slot} is ${state ?? 'unknown'} on ${node} without a reason, although all is calm`;
      found.push({ invariant: 'I6', at: now, slot, text });
    }
  }
  return found;
}
