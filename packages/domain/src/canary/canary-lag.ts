import type { ReplayPoint } from '../topics/event-backlog.ts';
import { CANARY_SLOT } from '../vocabulary/canary-slot.ts';
import type { Lsn } from '../vocabulary/lsn.ts';
import type { Manifest, SlotEvent } from '../vocabulary/slot-event.ts';
import { isLogical } from '../vocabulary/slot-state.ts';
import { branchOf } from '../vocabulary/timeline-history.ts';

/** A published state of the canary's slot that the slot on this standby has not reached. */
export interface CanaryChange {
  readonly event: SlotEvent;
  /** Where the slot has to stand. */
  readonly position: Lsn;
  /** Milliseconds since 1970, by the clock of the publisher that wrote it. */
  readonly writtenAt: number;
}

/** What a standby knows of the canary. */
export interface CanaryWatch {
  /** In the order of the topic. */
  readonly pending: readonly CanaryChange[];
  /** Time of the change that was heard of last. */
  readonly lastTime: number | undefined;
  /** False until the slot was first looked at: which changes it had passed before, and when, is not known. */
  readonly watching: boolean;
}

/** What one look at the standby's own canary slot showed. */
export interface CanaryReading {
  readonly watch: CanaryWatch;
  /** Changes that the slot now stands past, the oldest first. */
  readonly passed: readonly { readonly writtenAt: number; readonly lagMs: number }[];
  /** Age of the oldest change that the slot does not stand past; 0 when there is none. */
  readonly overdueMs: number;
}

export const freshCanaryWatch: CanaryWatch = {
  pending: [],
  lastTime: undefined,
  watching: false,
};

/** Changes that wait at the same time; beyond it, as on a delayed standby, every other one is left out. */
export const MAX_PENDING_CHANGES = 512;

/**
 * Takes records of the slots topic in their order. Several states in a row with the same canary time are one change: the first counts. Times
 * are not compared otherwise, as after a failover another clock goes on.
 */
export function hearCanary(watch: CanaryWatch, records: readonly (SlotEvent | Manifest)[]): CanaryWatch {
  let { pending, lastTime } = watch;
  for (const event of records) {
    if (event.kind !== 'slot' || event.slot !== CANARY_SLOT || event.op === 'drop') {
      continue;
    }
    if (!isLogical(event.state)) {
      continue;
    }
    const { confirmedFlushLsn: position, canaryTime: writtenAt } = event.state;
    if (position === undefined || writtenAt === undefined || writtenAt === lastTime) {
      continue;
    }
    lastTime = writtenAt;
    pending = [...thinned(pending), { event, position, writtenAt }];
  }
  return { ...watch, pending, lastTime };
}

/**
 * Measures the changes that the slot has passed. `position` is where it stands here, absent when it is not here or not slotcast's: then there
 * is nothing to measure, and what was written meanwhile is forgotten. A change of a branch that this server never had is forgotten, too.
 */
export function readCanary(
  watch: CanaryWatch,
  look: { readonly point: ReplayPoint; readonly position: Lsn | undefined; readonly now: number },
): CanaryReading {
  const { point, position, now } = look;
  if (position === undefined) {
    return { watch: { ...watch, pending: [], watching: false }, passed: [], overdueMs: 0 };
  }
  const possible = watch.pending.filter(({ event }) => branchOf(point.history, event) !== 'other_branch');
  const isPassed = (change: CanaryChange): boolean =>
    branchOf(point.history, change.event) === 'on_history' && change.position <= position;
  const pending = possible.filter((change) => !isPassed(change));
  const passed = watch.watching ? possible.filter(isPassed) : [];
  return {
    watch: { ...watch, pending, watching: true },
    passed: passed.map(({ writtenAt }) => ({ writtenAt, lagMs: age(now, writtenAt) })),
    overdueMs: pending[0] === undefined ? 0 : age(now, pending[0].writtenAt),
  };
}

/** Clocks of two machines differ; a lag below nothing is none. */
function age(now: number, writtenAt: number): number {
  return Math.max(0, now - writtenAt);
}

function thinned(pending: readonly CanaryChange[]): readonly CanaryChange[] {
  return pending.length < MAX_PENDING_CHANGES ? pending : pending.filter((_, index) => index % 2 === 0);
}
