import type { WaitingEvents } from '../topics/event-backlog.ts';
import { formatLsn, type Lsn } from '../vocabulary/lsn.ts';
import type { ReadinessState } from '../vocabulary/node-status.ts';
import { confirmedWithin, type SlotEvent } from '../vocabulary/slot-event.ts';
import type { LocalSlot } from '../vocabulary/slot-state.ts';
import { judgePin } from './catalog-pin.ts';
import type { PinFacts } from './pin-path.ts';

/** From where on a slot that could take over counts as lagging. */
export interface ReadinessLimits {
  readonly maxLagBytes: bigint;
  readonly maxLagMs: number;
  /** Age of the newest manifest from which on nothing is known of the primary. */
  readonly heartbeatStaleMs: number;
}

export interface ReadinessInput {
  readonly event: SlotEvent;
  readonly waiting: WaitingEvents | undefined;
  readonly local: LocalSlot;
  readonly pin: PinFacts;
  /** Why the server cannot decode with the slot's plugin. An advance does without it, a subscriber does not. */
  readonly pluginFault?: string | undefined;
  readonly heartbeatAgeMs: number;
  readonly limits: ReadinessLimits;
  readonly now: number;
}

/** The state of an owned, safe slot: `ready`, `lagging` or `blocked`, with the reason. */
export function judgeReadiness(input: ReadinessInput): {
  readonly state: ReadinessState;
  readonly reason: string;
  /** Nothing but the pin is wrong. */
  readonly unpinned?: true;
} {
  if (input.pluginFault !== undefined) {
    return { state: 'blocked', reason: input.pluginFault };
  }
  const pin = judgePin(input.pin, input.local.catalogXmin);
  if (pin.kind === 'blocked') {
    return { state: 'blocked', reason: pin.reason, unpinned: true };
  }
  if (input.heartbeatAgeMs > input.limits.heartbeatStaleMs) {
    const seconds = Math.round(input.heartbeatAgeMs / 1000);
    return {
      state: 'lagging',
      reason: `the publisher has said nothing for ${seconds} s: is it running beside the primary?`,
    };
  }
  const lag = slotLag(input);
  if (lag.bytes > input.limits.maxLagBytes || lag.ms > input.limits.maxLagMs) {
    const goal = goalOf(input.waiting?.newest) ?? goalOf(input.event);
    const towards = goal === undefined ? '' : ` (goal ${formatLsn(goal)})`;
    return {
      state: 'lagging',
      reason: `is ${lag.bytes} bytes and ${Math.round(lag.ms / 1000)} s behind the primary${towards}`,
    };
  }
  return { state: 'ready', reason: '' };
}

const noLag = { bytes: 0n, ms: 0 } as const;

/** How far the local slot is behind the newest state that the topic has of it: WAL bytes, and the age of the oldest change not applied. */
export function slotLag(input: Pick<ReadinessInput, 'event' | 'waiting' | 'local' | 'now'>): {
  readonly bytes: bigint;
  readonly ms: number;
} {
  const here = input.local.confirmedFlushLsn;
  const goal = goalOf(input.event) ?? 0n;
  if (here === undefined || (input.waiting === undefined && goal <= here)) {
    return noLag;
  }
  const known = [input.event, input.waiting?.oldest, input.waiting?.newest].filter(
    (event) => event !== undefined,
  );
  const ahead = known.filter((event) => (goalOf(event) ?? 0n) > here);
  const bytes = ahead.reduce((most, event) => {
    const behind = (goalOf(event) ?? here) - here;
    return behind > most ? behind : most;
  }, 0n);
  const since = Math.min(...ahead.map((event) => event.time));
  return { bytes, ms: ahead.length === 0 ? 0 : Math.max(0, input.now - since) };
}

/** Where the local slot is to arrive; a position that cannot be right is no goal, and is never reached. */
function goalOf(event: SlotEvent | undefined): Lsn | undefined {
  return event === undefined ? undefined : (confirmedWithin(event) ?? event.state?.confirmedFlushLsn);
}
