import { reason } from '../reasons/reason.ts';
import type { WaitingEvents } from '../topics/event-backlog.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { ReadinessState } from '../vocabulary/node-status.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { confirmedWithin, physicallyNeeded, type SlotEvent } from '../vocabulary/slot-event.ts';
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
  readonly pluginFault?: Reason | undefined;
  readonly heartbeatAgeMs: number;
  readonly limits: ReadinessLimits;
  readonly now: number;
}

/** The state of an owned, safe slot: `ready`, `lagging`, `unheard` or `blocked`, with the reasons. */
export function judgeReadiness(input: ReadinessInput): {
  readonly state: ReadinessState;
  readonly reasons: readonly Reason[];
  /** Nothing but the pin is wrong. */
  readonly unpinned?: true;
} {
  if (input.pluginFault !== undefined) {
    return { state: 'blocked', reasons: [input.pluginFault] };
  }
  const pin = judgePin(input.pin, input.local.catalogXmin);
  if (pin.kind === 'blocked') {
    return { state: 'blocked', reasons: pin.reasons, unpinned: true };
  }
  return judgeNews(input);
}

/** The same as far as it depends on what is heard of the primary, and on how far behind it the slot is. */
export function judgeNews(
  input: Pick<ReadinessInput, 'event' | 'waiting' | 'local' | 'heartbeatAgeMs' | 'limits' | 'now'>,
): { readonly state: ReadinessState; readonly reasons: readonly Reason[] } {
  if (input.heartbeatAgeMs > input.limits.heartbeatStaleMs) {
    const seconds = Math.round(input.heartbeatAgeMs / 1000);
    return { state: 'unheard', reasons: [reason('publisher_silent', { seconds })] };
  }
  const lag = slotLag(input);
  if (lag.bytes > input.limits.maxLagBytes || lag.ms > input.limits.maxLagMs) {
    const goal = goalOf(input.waiting?.newest) ?? goalOf(input.event);
    const seconds = Math.round(lag.ms / 1000);
    return { state: 'lagging', reasons: [reason('behind', { bytes: lag.bytes, seconds, goal })] };
  }
  return { state: 'ready', reasons: [] };
}

const noLag = { bytes: 0n, ms: 0 } as const;

/** How far the local slot is behind the newest state that the topic has of it: WAL bytes, and the age of the oldest change not applied. */
export function slotLag(input: Pick<ReadinessInput, 'event' | 'waiting' | 'local' | 'now'>): {
  readonly bytes: bigint;
  readonly ms: number;
} {
  const { local } = input;
  const here = local.type === 'physical' ? local.restartLsn : local.confirmedFlushLsn;
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
  return event && (physicallyNeeded(event) ?? confirmedWithin(event) ?? event.state?.confirmedFlushLsn);
}
