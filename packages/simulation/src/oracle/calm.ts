import type { ReadinessState, Reason } from '@slotcast/domain';
import type { Violation } from '../types.ts';
import { isStillTrue, type Standing } from './true-reason.ts';

/** How often a slot may change its state while nothing happens: once, to get where it stays. */
const MOST_CHANGES = 1;

/** How a slot of the primary stands on a standby, by the record of its node. */
export interface CalmSlot {
  readonly node: string;
  readonly slot: string;
  /** Absent: there is no record. */
  readonly state: ReadinessState | undefined;
  readonly reasons: readonly Reason[];
  /** How often its state has changed since all is calm. */
  readonly changes: number;
  /** How things really are. */
  readonly standing: Standing;
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
 * I6: where nothing happens any more the topic is published by the primary, and each slot is ready on each standby, or a reason is given that is still
 * true, and it stays so; or the publisher of the primary has said why it must not publish.
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
  for (const each of slots) {
    const { node, slot } = each;
    const fault = faultOf(each);
    if (fault !== undefined) {
      found.push({
        invariant: 'I6',
        at: now,
        slot,
        text: `${slot} ${fault} on ${node}, although all is calm`,
      });
    }
  }
  return found;
}

function faultOf({ state, reasons, changes, standing }: CalmSlot): string | undefined {
  if (changes > MOST_CHANGES) {
    return `has changed its state ${changes} times`;
  }
  if (state === 'ready') {
    return undefined;
  }
  if (reasons.length === 0) {
    return `is ${state ?? 'unknown'} without a reason`;
  }
  return reasons.some((reason) => isStillTrue(reason, standing))
    ? undefined
    : `is ${state ?? 'unknown'} for reasons that are true no more (${reasons.map(({ code }) => code).join(', ')})`;
}
