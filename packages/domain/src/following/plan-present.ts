import { reason, reasonText } from '../reasons/reason.ts';
import { type Lsn, lsn, minLsn } from '../vocabulary/lsn.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { databaseOf } from '../vocabulary/slot-database.ts';
import { sameIncarnation } from '../vocabulary/slot-event.ts';
import type { SlotName } from '../vocabulary/slot-name.ts';
import { isInvalidated, isLogical, type LocalSlot, sameIdentity } from '../vocabulary/slot-state.ts';
import { judgePlace } from './copy-place.ts';
import { planAdopted } from './plan-adopted.ts';
import { planConflict } from './plan-conflict.ts';
import type { LiveSubject, PlanInput } from './plan-input.ts';
import { planStranger } from './plan-stranger.ts';
import { planUnproven } from './plan-unproven.ts';
import { findLimit, lacksWal } from './slot-limits.ts';
import { findPluginFault } from './slot-obstacle.ts';
import { judgeReadiness } from './slot-readiness.ts';
import { waitsForSubscriber } from './slot-start.ts';
import { type SlotAction, type SlotVerdict, verdict } from './slot-verdict.ts';
import { copyBecomesTwoPhase } from './two-phase-proof.ts';

/** A slot of that name is here: kept and moved where it is slotcast's and sound, else made anew. */
export function planPresent(input: PlanInput, subject: LiveSubject, local: LocalSlot): SlotVerdict {
  const { name, event, owned, state } = subject;
  if (owned === undefined) {
    return planConflict(input, subject, local);
  }
  const start = startOfTwoPhaseInMaking(input, subject, local);
  if (start !== undefined) {
    return planEnabling(subject, start);
  }
  if (!isLogical(local) || !sameIdentity(local, state)) {
    return verdict(subject, 'catching_up', [remaking, reason('other_identity')], {
      kind: 'drop',
      slot: name,
      reason: 'remade with other properties on the primary',
    });
  }
  if (owned.lineage !== input.manifest.lineage) {
    const adopted = { ...owned, incarnation: event.incarnation, lineage: input.manifest.lineage };
    return verdict(subject, 'catching_up', [reason('recording_in_new_topic')], {
      kind: 'own',
      slot: name,
      ownership: adopted,
    });
  }
  if (!sameIncarnation(owned.incarnation, event.incarnation)) {
    return verdict(subject, 'catching_up', [remaking, reason('other_incarnation')], {
      kind: 'drop',
      slot: name,
      reason: 'dropped and created again on the primary',
    });
  }
  if (isInvalidated(local)) {
    const why = reason('invalidated_here', { cause: local.invalidationReason ?? 'wal_removed' });
    return remade(subject, why);
  }
  if (input.held.get(name)?.cause === 'missing_wal' || lacksWal(local, input.limits)) {
    return remade(subject, reason('missing_wal'));
  }
  if (local.confirmedFlushLsn === undefined) {
    return verdict(subject, 'catching_up', [reason('made_elsewhere')]);
  }
  if (!owned.proven) {
    return local.twoPhase
      ? planUnproven(input, subject, { owned, position: local.confirmedFlushLsn })
      : planAdopted(input, subject, { owned, local });
  }
  const known = { furthest: input.furthest.get(name), recorded: owned.highestLsn };
  const stranger = planStranger(input, subject, local, judgePlace(local, known));
  if (stranger !== undefined) {
    return stranger;
  }
  const next = forgetRemaking(input, owned, name) ?? nextAdvance(input, subject, local);
  const limit = findLimit(local, input.limits, input.endOfWal);
  if (limit !== undefined) {
    return { ...verdict(subject, 'blocked', [limit], next), atRisk: true, sound: true };
  }
  // Field by field: a copy of the whole input for each slot would be most of what a plan costs.
  const { pin, heartbeatAgeMs, now, policy } = input;
  const waiting = input.waiting.get(name);
  const pluginFault = findPluginFault(local.plugin, input);
  const facts = { event, waiting, local, pin, heartbeatAgeMs, now, limits: policy.limits, pluginFault };
  const readiness = judgeReadiness(facts);
  const planned: SlotVerdict = { ...verdict(subject, readiness.state, readiness.reasons, next), sound: true };
  return readiness.unpinned === true ? { ...planned, unpinned: true } : planned;
}

/** Where the copy that was made for a two_phase slot stands, which is where that was recorded to begin; absent for any other. */
function startOfTwoPhaseInMaking(
  { manifest, held }: PlanInput,
  { name, event, owned, state }: LiveSubject,
  local: LocalSlot,
): Lsn | undefined {
  const isInMaking =
    owned?.proven === false &&
    owned.lineage === manifest.lineage &&
    sameIncarnation(owned.incarnation, event.incarnation) &&
    isLogical(local) &&
    !local.twoPhase &&
    copyBecomesTwoPhase(local.plugin) &&
    sameIdentity({ ...local, twoPhase: true }, state) &&
    !isInvalidated(local) &&
    held.get(name)?.cause !== 'missing_wal' &&
    local.confirmedFlushLsn === owned.highestLsn;
  return isInMaking ? local.confirmedFlushLsn : undefined;
}

/** Its subscriber had passed the start when the copy was made, but a crash of the primary may have taken its slot back since. */
function planEnabling(subject: LiveSubject, start: Lsn): SlotVerdict {
  const { name, state, confirmed } = subject;
  if (confirmed === undefined || confirmed < start) {
    return verdict(subject, 'catching_up', [waitsForSubscriber(subject, start)]);
  }
  const enable = { kind: 'enable_two_phase', slot: name, database: databaseOf(state) } as const;
  return verdict(subject, 'catching_up', [reason('being_made')], enable);
}

const remaking = reason('remaking');

/** It is of no use as it is here. */
function remade(subject: LiveSubject, why: Reason): SlotVerdict {
  const drop = { kind: 'drop', slot: subject.name, reason: reasonText([why]) } as const;
  return verdict(subject, 'catching_up', [remaking, why], drop);
}

/** A slot that was to be made anew is there, and nobody is at it any more. */
function forgetRemaking(input: PlanInput, owned: Ownership, slot: SlotName): SlotAction | undefined {
  if (owned.remaking !== true || input.remaking?.slots.has(slot) === true) {
    return undefined;
  }
  const { remaking: _, ...ownership } = owned;
  return { kind: 'own', slot, ownership };
}

/** The goal: never past replay, never backwards, never one that is reached; the target on the way to it no more WAL than one step. */
function nextAdvance(input: PlanInput, { confirmed }: LiveSubject, local: LocalSlot): SlotAction | undefined {
  const from = local.confirmedFlushLsn;
  if (from === undefined || confirmed === undefined) {
    return undefined;
  }
  const goal = minLsn(confirmed, input.replayLsn);
  if (goal <= from) {
    return undefined;
  }
  const step = lsn(from + input.policy.advanceStepBytes);
  return {
    kind: 'advance',
    slot: local.name,
    database: databaseOf(local),
    plugin: local.plugin,
    target: minLsn(step, goal),
    goal,
  };
}
