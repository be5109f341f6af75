import { formatLsn, type Lsn } from '../vocabulary/lsn.ts';
import type { Ownership } from '../vocabulary/node-status.ts';
import { waitsForTransactions } from '../vocabulary/open-transaction.ts';
import { databaseKey, databaseOf } from '../vocabulary/slot-database.ts';
import { sameIncarnation } from '../vocabulary/slot-event.ts';
import type { LocalSlot } from '../vocabulary/slot-state.ts';
import type { LiveSubject, PlanInput } from './plan-input.ts';
import { leaderFor } from './restart-leader.ts';
import { findObstacle } from './slot-obstacle.ts';
import { type SlotVerdict, verdict } from './slot-verdict.ts';

/** A slot that is not here yet: found out where decoding may start, owned, then copied. */
export function planMissing(input: PlanInput, subject: LiveSubject): SlotVerdict {
  const { name, event, owned, state } = subject;
  const leader = findLeader(input, subject);
  if (leader !== undefined) {
    return verdict(subject, 'catching_up', `is being made again from ${leader.name}`, {
      kind: 'restore',
      slot: name,
      database: databaseOf(state),
      plugin: state.plugin ?? '',
      leader: leader.name,
    });
  }
  const { allowedPlugins } = input.policy;
  const obstacle = findObstacle(state.plugin ?? '', {
    ...input,
    allowedPlugins,
    serverPlugins: input.serverPlugins,
  });
  if (obstacle !== undefined) {
    return verdict(subject, 'blocked', obstacle);
  }
  const database = databaseOf(state);
  const plugin = state.plugin ?? '';
  const probe = input.probes.get(databaseKey(database));
  if (probe === undefined) {
    const reason = 'a temporary slot is being made to find where decoding may start';
    return verdict(subject, 'catching_up', reason, { kind: 'probe', slot: name, database, plugin });
  }
  if (probe.consistentPoint === undefined) {
    return verdict(subject, 'catching_up', waitsForTransactions(input.oldestTransaction));
  }
  if (subject.confirmed === undefined || subject.confirmed < probe.consistentPoint) {
    return verdict(subject, 'catching_up', waitsForConsumer(subject, probe.consistentPoint));
  }
  const claimed = {
    incarnation: event.incarnation,
    lineage: input.manifest.lineage,
    proven: !state.twoPhase,
    // It was just confirmed; all that is known besides is added as the slot is followed.
    highestLsn: probe.consistentPoint,
  };
  if (owned === undefined || !sameOwnership(owned, claimed)) {
    return verdict(subject, 'catching_up', 'ownership is being recorded', {
      kind: 'own',
      slot: name,
      ownership: claimed,
    });
  }
  return state.twoPhase
    ? verdict(subject, 'catching_up', 'is being made', {
        kind: 'create_two_phase',
        slot: name,
        database,
        plugin,
      })
    : verdict(subject, 'catching_up', 'is being made', { kind: 'copy', slot: name, database, plugin });
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

/** What a slot that was made here at `position` waits for. */
export function waitsForConsumer({ name, confirmed }: LiveSubject, position: Lsn): string {
  const now = confirmed === undefined ? 'nothing' : formatLsn(confirmed);
  return `waits for the consumer of slot ${name} on the primary to confirm ${formatLsn(position)} (now ${now})`;
}
