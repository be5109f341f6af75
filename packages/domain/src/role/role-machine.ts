import type { RoleEvent } from './role-event.ts';
import type { RoleHalf, RolePhase } from './role-phase.ts';
import { type RoleState, roleGuards, roleTable } from './role-table.ts';

/** An event that the table does not have, or a state that must never be. */
export class RoleViolation extends Error {
  override readonly name = 'RoleViolation';
}

export function startRole(half: RoleHalf): RoleState {
  return { half, phase: 'starting', recoveryEnd: 'unseen', handOver: 'open' };
}

/** The state after an event. Throws a RoleViolation for an event that the table lacks, and for a state that breaks a rule. */
export function stepRole(state: RoleState, event: RoleEvent): RoleState {
  const row = roleTable.find(
    ({ from, event: on, half, guard }) =>
      on === event &&
      from.includes(state.phase) &&
      (half ?? state.half) === state.half &&
      (guard === undefined || roleGuards[guard].holds(state)),
  );
  if (row === undefined) {
    throw new RoleViolation(`${event} in ${state.phase} (${state.recoveryEnd}, ${state.handOver})`);
  }
  const next = { ...state, ...learn(state, event), phase: row.to ?? state.phase };
  assertRole(next);
  return next;
}

function learn({ recoveryEnd }: RoleState, event: RoleEvent): Partial<RoleState> {
  // Who hands over went on without the guard, and does not stop for a fence that the guard begins only now.
  const isLate = recoveryEnd === 'overdue' && (event === 'recovery_ended' || event === 'fence_failed');
  return isLate ? {} : (learned[event] ?? {});
}

/** What an event tells besides the phase. */
const learned: Partial<Record<RoleEvent, Partial<Pick<RoleState, 'recoveryEnd' | 'handOver'>>>> = {
  standby_seen: { recoveryEnd: 'unseen', handOver: 'open' },
  primary_seen: { handOver: 'open' },
  recovery_ended: { recoveryEnd: 'seen' },
  fence_stands: { recoveryEnd: 'fenced' },
  fence_failed: { recoveryEnd: 'unseen' },
  fence_overdue: { recoveryEnd: 'overdue' },
  recovery_seen: { recoveryEnd: 'unseen' },
  recorded: { handOver: 'recorded' },
  none_needed: { handOver: 'not_needed' },
  not_promoted: { handOver: 'open' },
  tenure_ended: { handOver: 'open' },
  failed: { handOver: 'open' },
};

const standbyPhases: readonly RolePhase[] = ['joining', 'following', 'watching'];
const tenurePhases: readonly RolePhase[] = ['claiming', 'publishing'];
const phasesOf: Record<RoleHalf, readonly RolePhase[]> = {
  following: ['joining', 'following', 'resting'],
  publishing: ['watching', 'looking', 'awaiting_peer', 'claiming', 'publishing'],
};

/** The rules that no table may break. */
function assertRole({ half, phase, recoveryEnd, handOver }: RoleState): void {
  if (tenurePhases.includes(phase) && handOver === 'open') {
    throw new RoleViolation(`${phase} before the promotion is on record`);
  }
  if (standbyPhases.includes(phase) && recoveryEnd !== 'unseen') {
    throw new RoleViolation(`${phase} after the end of recovery`);
  }
  if (phasesOf[half === 'following' ? 'publishing' : 'following'].includes(phase)) {
    throw new RoleViolation(`${phase} in the ${half} half`);
  }
}
