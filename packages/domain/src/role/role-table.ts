import type { RoleEvent } from './role-event.ts';
import { finalPhases, type RoleHalf, type RolePhase, rolePhases } from './role-phase.ts';

/** What this process knows of the end of recovery: `seen` until the fence stands; `overdue` when guard or fence was waited for long enough. */
export type RecoveryEnd = 'unseen' | 'seen' | 'overdue' | 'fenced';

/** Whether the slots of a primary are handed over. */
export type HandOverState = 'open' | 'not_needed' | 'recorded';

export interface RoleState {
  readonly half: RoleHalf;
  readonly phase: RolePhase;
  readonly recoveryEnd: RecoveryEnd;
  readonly handOver: HandOverState;
}

/** What has to hold for a transition besides phase and event, in the words of the page about it. */
export const roleGuards = {
  no_fence_awaited: {
    words: 'the fence stands, or nobody saw recovery end, or it was waited for long enough',
    holds: ({ recoveryEnd }) => recoveryEnd !== 'seen',
  },
} as const satisfies Record<string, { words: string; holds: (state: RoleState) => boolean }>;

export interface RoleTransition {
  readonly from: readonly RolePhase[];
  readonly event: RoleEvent;
  /** The half that has this transition; both when absent. */
  readonly half?: RoleHalf;
  readonly guard?: keyof typeof roleGuards;
  /** Absent when the phase stays. */
  readonly to?: RolePhase;
}

const livePhases = rolePhases.filter((phase) => !finalPhases.some((final) => final === phase));
const untilFencing: readonly RolePhase[] = ['joining', 'following', 'watching'];
const notUntilFencing = rolePhases.filter((phase) => !untilFencing.includes(phase));

/** Every transition there is. For one state and event at most one row fits. */
export const roleTable: readonly RoleTransition[] = [
  { from: ['starting', 'resting'], event: 'standby_seen', half: 'following', to: 'joining' },
  { from: ['starting', 'resting'], event: 'primary_seen', half: 'following', to: 'resting' },
  { from: ['joining'], event: 'joined', half: 'following', to: 'following' },
  // Recovery may end while the session joins, which then begins no step.
  { from: ['fencing'], event: 'joined', half: 'following' },
  { from: ['following', 'fencing'], event: 'left_recovery', half: 'following', to: 'fencing' },
  {
    from: ['fencing'],
    event: 'hand_over',
    half: 'following',
    guard: 'no_fence_awaited',
    to: 'handing_over',
  },
  // Recovery ended before the session had joined: it came to nothing, and the promotion is dealt with late.
  { from: ['joining', 'fencing'], event: 'primary_seen', half: 'following', to: 'resting' },
  // The session that followed had failed: the promotion is dealt with by the next attempt, or by the publisher meanwhile.
  { from: ['resting'], event: 'hand_over', half: 'following', to: 'handing_over' },
  { from: ['resting'], event: 'peer_awaited', half: 'following' },
  { from: ['fencing', 'resting', 'handing_over'], event: 'recorded', half: 'following', to: 'resting' },
  { from: ['handing_over'], event: 'not_promoted', half: 'following', to: 'resting' },

  { from: ['starting'], event: 'standby_seen', half: 'publishing', to: 'watching' },
  { from: ['starting', 'watching', 'fencing'], event: 'primary_seen', half: 'publishing', to: 'looking' },
  { from: ['looking'], event: 'none_needed', half: 'publishing', to: 'claiming' },
  // A claim may find positions that the hand-off on record did not know.
  { from: ['looking', 'claiming'], event: 'peer_awaited', half: 'publishing', to: 'awaiting_peer' },
  {
    from: ['looking', 'awaiting_peer', 'claiming'],
    event: 'hand_over',
    half: 'publishing',
    guard: 'no_fence_awaited',
    to: 'handing_over',
  },
  {
    from: ['looking', 'awaiting_peer', 'handing_over'],
    event: 'recorded',
    half: 'publishing',
    to: 'claiming',
  },
  { from: ['handing_over'], event: 'not_promoted', half: 'publishing', to: 'starting' },
  { from: ['claiming'], event: 'claimed', half: 'publishing', to: 'publishing' },
  { from: ['publishing'], event: 'tenure_ended', half: 'publishing', to: 'starting' },

  // The guard runs beside all else, and its word may come before that of the phase or after it: it only ends what a standby does.
  { from: untilFencing, event: 'recovery_ended', to: 'fencing' },
  { from: untilFencing, event: 'fence_stands', to: 'fencing' },
  { from: notUntilFencing, event: 'recovery_ended' },
  { from: notUntilFencing, event: 'fence_stands' },
  { from: rolePhases, event: 'fence_failed' },
  { from: untilFencing, event: 'fence_overdue', to: 'fencing' },
  { from: notUntilFencing, event: 'fence_overdue' },
  { from: rolePhases, event: 'recovery_seen' },

  { from: livePhases, event: 'failed', to: 'starting' },
  { from: livePhases, event: 'refused', to: 'retired' },
  { from: livePhases, event: 'stop', to: 'stopped' },
];
