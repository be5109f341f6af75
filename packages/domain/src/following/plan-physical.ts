import { reason, reasonText } from '../reasons/reason.ts';
import { minLsn } from '../vocabulary/lsn.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import { isPlaceholder } from '../vocabulary/placeholder.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { physicallyNeeded, type SlotEvent, sameIncarnation } from '../vocabulary/slot-event.ts';
import {
  isInvalidated,
  isLogical,
  type LocalPhysicalSlot,
  type LocalSlot,
  type PhysicalSlotState,
} from '../vocabulary/slot-state.ts';
import { whyNotCarried } from './physical-copy.ts';
import { planGone, planInvalidated } from './plan-gone.ts';
import type { PlanInput, Subject } from './plan-input.ts';
import { findLimit, lacksWal } from './slot-limits.ts';
import { judgeNews } from './slot-readiness.ts';
import { type SlotAction, type SlotVerdict, verdict } from './slot-verdict.ts';

/** A physical slot that lives on the primary at this server's point in WAL. */
interface PhysicalSubject extends Subject {
  readonly event: SlotEvent;
  readonly state: PhysicalSlotState;
}

/**
 * A copy of a physical slot keeps the WAL that its reader has not confirmed yet, and nothing else: a replica that follows this server after its promotion asks for WAL from
 * its own position on. So there is no point that a copy has to be made at, and none that is unsafe. It keeps too much, or it says that it keeps too little.
 */
export function planPhysical(input: PlanInput, subject: PhysicalSubject): SlotVerdict {
  const { local, owned, state } = subject;
  const why = whyNotCarried(input, state);
  if (why !== undefined) {
    const isOther = owned !== undefined && owned.physical !== true;
    return planGone(input, subject, isOther ? reason('physical_on_primary') : why);
  }
  if (isInvalidated(state)) {
    return planInvalidated(subject);
  }
  if (local === undefined) {
    return planToMake(input, subject);
  }
  if (owned === undefined) {
    return verdict(subject, 'conflict', [reason(takenBy(local))]);
  }
  return isLogical(local)
    ? remade(subject, reason('physical_on_primary'))
    : planKept(input, subject, { owned, local });
}

/**
 * Marks what a plan says of a physical slot, on the primary or here. One that somebody streams through is not dropped: the server would refuse it, and whoever it is has a use
 * for it.
 */
export function asPhysical({ event, owned, local }: Subject, planned: SlotVerdict): SlotVerdict {
  if (event?.state?.type !== 'physical' && owned?.physical !== true) {
    return planned;
  }
  const isUsed = local?.type === 'physical' && local.active && planned.action?.kind === 'drop';
  return isUsed
    ? { ...planned, physical: true, reasons: [...planned.reasons, reason('used_here')], action: undefined }
    : { ...planned, physical: true };
}

function takenBy(local: LocalSlot) {
  if (isLogical(local)) {
    return 'name_taken_by_logical';
  }
  return isPlaceholder(local) ? 'name_taken_by_placeholder' : 'name_taken_by_foreign_physical';
}

function planToMake(input: PlanInput, subject: PhysicalSubject): SlotVerdict {
  const { name, owned } = subject;
  return owned === undefined || !isClaimed(input, subject, owned)
    ? claim(input, subject, reason('recording_ownership'))
    : verdict(subject, 'catching_up', [reason('being_made')], { kind: 'create_physical', slot: name });
}

/** Whatever its slot was before: it keeps WAL from where it stands, which is as good for a slot that was made anew under the name. */
function isClaimed({ manifest }: PlanInput, { event }: PhysicalSubject, owned: Ownership): boolean {
  return (
    owned.physical === true &&
    owned.lineage === manifest.lineage &&
    sameIncarnation(owned.incarnation, event.incarnation)
  );
}

function claim({ manifest }: PlanInput, subject: PhysicalSubject, why: Reason): SlotVerdict {
  const { incarnation } = subject.event;
  const ownership = { incarnation, lineage: manifest.lineage, proven: true, physical: true } as const;
  return verdict(subject, 'catching_up', [why], { kind: 'own', slot: subject.name, ownership });
}

function planKept(
  input: PlanInput,
  subject: PhysicalSubject,
  { owned, local }: { readonly owned: Ownership; readonly local: LocalPhysicalSlot },
): SlotVerdict {
  const { name, event } = subject;
  if (!isClaimed(input, subject, owned)) {
    const isOld = owned.lineage === input.manifest.lineage;
    return claim(input, subject, reason(isOld ? 'recording_ownership' : 'recording_in_new_topic'));
  }
  if (isInvalidated(local)) {
    return remade(subject, reason('invalidated_here', { cause: local.invalidationReason ?? 'wal_removed' }));
  }
  if (input.held.get(name)?.cause === 'missing_wal' || lacksWal(local, input.limits)) {
    return remade(subject, reason('missing_wal'));
  }
  const next = nextMove(input, subject, local);
  const limit = findLimit(local, input.limits, input.endOfWal);
  if (limit !== undefined) {
    return { ...verdict(subject, 'blocked', [limit], next), atRisk: true };
  }
  const needed = physicallyNeeded(event);
  if (needed === undefined) {
    return verdict(subject, 'catching_up', [reason('keeps_no_wal')]);
  }
  const { restartLsn: position } = local;
  if (position === undefined || position > needed) {
    return verdict(subject, 'catching_up', [reason('keeps_too_little', { position, needed })]);
  }
  const { heartbeatAgeMs, now, policy } = input;
  const waiting = input.waiting.get(name);
  const { state, reasons } = judgeNews({ event, waiting, local, heartbeatAgeMs, now, limits: policy.limits });
  return verdict(subject, state, reasons, next);
}

/** Up to what its reader has confirmed, as far as that is replayed here; never backwards, and not while somebody streams through it. */
function nextMove(
  { replayLsn }: PlanInput,
  { name, event }: PhysicalSubject,
  { restartLsn: from, active }: LocalPhysicalSlot,
): SlotAction | undefined {
  const needed = physicallyNeeded(event);
  if (needed === undefined || from === undefined || active) {
    return undefined;
  }
  const target = minLsn(needed, replayLsn);
  return target > from ? { kind: 'advance_physical', slot: name, target } : undefined;
}

function remade(subject: PhysicalSubject, why: Reason): SlotVerdict {
  const drop = { kind: 'drop', slot: subject.name, reason: reasonText([why]) } as const;
  return verdict(subject, 'catching_up', [reason('remaking'), why], drop);
}
