export const roleEvents = [
  'standby_seen',
  'primary_seen',
  'joined',
  'left_recovery',
  'recovery_ended',
  'fence_stands',
  'fence_failed',
  'fence_overdue',
  'recovery_seen',
  'peer_awaited',
  'hand_over',
  'recorded',
  'none_needed',
  'not_promoted',
  'claimed',
  'tenure_ended',
  'failed',
  'refused',
  'stop',
] as const;
export type RoleEvent = (typeof roleEvents)[number];

/** What happens to a process, as far as its role is concerned, in the words of the page about it. */
export const roleEventMeanings: Readonly<Record<RoleEvent, string>> = {
  standby_seen: 'The server is in recovery.',
  primary_seen: 'The server is not in recovery.',
  joined: 'The topics are replayed, and this process alone writes as its node.',
  left_recovery: 'The consumer looked at the slots and found that the server is in recovery no more.',
  recovery_ended: 'The guard, on a connection of its own, saw the end of recovery.',
  fence_stands: 'The guard has raised the WAL fence (with the policy `quarantine`: has nothing to raise).',
  fence_failed: 'The guard could not raise the fence; it looks at the server anew.',
  fence_overdue:
    'The guard, which had not seen recovery end or was raising the fence, was waited for long enough before a hand-off, which raises the fence itself then, as far as it is missing.',
  recovery_seen: 'The guard saw that the server is in recovery again.',
  peer_awaited:
    'Another process or half of this node holds its lock, and is given time to hand the slots over.',
  hand_over: 'This process begins the hand-off.',
  recorded: 'The hand-off of this promotion is on record, whoever did it.',
  none_needed:
    'Nothing was published on an earlier timeline than this server has: there is nothing to hand over.',
  not_promoted:
    'The hand-off found no promotion: the server is in recovery, or never left its first timeline.',
  claimed: 'The former publisher is fenced, and nothing in the topic speaks against this one.',
  tenure_ended: 'The server is no more the primary that the tenure is for.',
  failed: 'An attempt failed, and another one will follow.',
  refused: 'An error that no other attempt will fix.',
  stop: 'The process was told to stop.',
};
