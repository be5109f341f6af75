/** Which half of a node a process is: the consumer follows, the publisher publishes. Both are the same machine. */
export const roleHalves = ['following', 'publishing'] as const;
export type RoleHalf = (typeof roleHalves)[number];

export const rolePhases = [
  'starting',
  'joining',
  'following',
  'watching',
  'fencing',
  'resting',
  'looking',
  'awaiting_peer',
  'handing_over',
  'claiming',
  'publishing',
  'retired',
  'stopped',
] as const;
export type RolePhase = (typeof rolePhases)[number];

/** Where a process stands in the life of its node, in the words of the page about it. */
export const rolePhaseMeanings: Readonly<Record<RolePhase, string>> = {
  starting: 'Nothing is known of the server yet, or an attempt has failed and the next one is waited for.',
  joining: 'The server is in recovery: both topics are replayed, and the name of the node is claimed.',
  following: "The server's slots are kept where the topic says.",
  watching: 'The server is in recovery, and the publisher only watches for the end of that.',
  fencing: 'Recovery has ended: no step is begun any more, and the WAL fence is raised from what is known.',
  resting: 'The server is a primary, and the consumer has nothing to do.',
  looking: 'The server is a primary: the topics tell whether it may publish. Nobody has been fenced.',
  awaiting_peer:
    'Whoever holds the lock of the node is to hand the slots over, and its record is waited for.',
  handing_over:
    'This process hands the slots over: it raises the fence, drains the topic and records the outcome.',
  claiming:
    'The slots are handed over, or need not be: the former publisher is fenced, and the claim judged again.',
  publishing: 'This process has the tenure: it alone publishes.',
  retired: 'Refused for good: the process ends, and a person has to look.',
  stopped: 'Told to stop.',
};

/** Phases that are never left. */
export const finalPhases = ['retired', 'stopped'] as const satisfies readonly RolePhase[];
