import { reason } from '../reasons/reason.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import { databaseOf } from '../vocabulary/slot-database.ts';
import { sameIncarnation } from '../vocabulary/slot-event.ts';
import type { LocalSlot } from '../vocabulary/slot-state.ts';
import type { LiveSubject, PlanInput } from './plan-input.ts';
import { leaderFor } from './restart-leader.ts';
import { findStart } from './slot-start.ts';
import { type SlotVerdict, verdict } from './slot-verdict.ts';
import { copyBecomesTwoPhase } from './two-phase-proof.ts';

/** A slot that is not here yet: found out where decoding may start, owned, then copied. */
export function planMissing(input: PlanInput, subject: LiveSubject): SlotVerdict {
  const { name, event, owned, state } = subject;
  const leader = findLeader(input, subject);
  if (leader !== undefined) {
    return verdict(subject, 'catching_up', [reason('restoring', { leader: leader.name })], {
      kind: 'restore',
      slot: name,
      database: databaseOf(state),
      plugin: state.plugin,
      leader: leader.name,
    });
  }
  const start = findStart(input, subject);
  if ('state' in start) {
    return start;
  }
  const { database, plugin } = start;
  const claimed = {
    incarnation: event.incarnation,
    lineage: input.manifest.lineage,
    proven: !state.twoPhase,
    // It was just confirmed; all that is known besides is added as the slot is followed.
    highestLsn: start.consistentPoint,
  };
  if (owned === undefined || !sameOwnership(owned, claimed)) {
    return verdict(subject, 'catching_up', [reason('recording_ownership')], {
      kind: 'own',
      slot: name,
      ownership: claimed,
    });
  }
  const kind = state.twoPhase && !copyBecomesTwoPhase(plugin) ? 'create_two_phase' : 'copy';
  return verdict(subject, 'catching_up', [reason('being_made')], { kind, slot: name, database, plugin });
}

/** The leading slot that a slot was being made anew from, when it got lost over that. */
function findLeader(input: PlanInput, subject: LiveSubject): LocalSlot | undefined {
  const { name, event, owned, state } = subject;
  const isOfEvent =
    owned?.lineage === input.manifest.lineage && sameIncarnation(owned.incarnation, event.incarnation);
  return owned !== undefined && isOfEvent
    ? leaderFor(input.local, { state, owned, furthest: input.furthest.get(name) })
    : undefined;
}

function sameOwnership(a: Ownership, b: Ownership): boolean {
  return (
    sameIncarnation(a.incarnation, b.incarnation) &&
    a.lineage === b.lineage &&
    a.proven === b.proven &&
    a.highestLsn === b.highestLsn
  );
}
