/** Linux reports processor time to user programs in this unit (USER_HZ) on every architecture that the tests run on. */
const TICK_MS = 10;

/** Milliseconds of processor time, in user and in kernel mode. */
export interface ProcessTimes {
  readonly ownMs: number;
  /** Of its children that have ended and been waited for. */
  readonly endedChildrenMs: number;
}

/** Reads the text of `/proc/<pid>/stat`. Throws when it is not as expected. */
export function parseProcessTimes(stat: string): ProcessTimes {
  // The name of the command, in parentheses, may hold blanks. utime, stime, cutime and cstime are fields 14 to 17, the name is field 2.
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15)
    .map(Number);
  const [user, kernel, childUser, childKernel] = fields;
  if (
    user === undefined ||
    kernel === undefined ||
    childUser === undefined ||
    childKernel === undefined ||
    fields.some((ticks) => !Number.isInteger(ticks))
  ) {
    throw new Error(`/proc/<pid>/stat is not as expected: ${stat}`);
  }
  return { ownMs: (user + kernel) * TICK_MS, endedChildrenMs: (childUser + childKernel) * TICK_MS };
}

/** What a process of a PostgreSQL server does, as far as the benchmark tells them apart. */
export type BackendRole =
  | 'services'
  | 'slotsync'
  | 'streaming'
  | 'replay'
  | 'load'
  | 'decoding'
  | 'benchmark'
  | 'background'
  | 'other';

/**
 * By the title that a process of PostgreSQL gives itself, the first that fits. The services have the role `slotcast`, and each kind of session of the
 * benchmark has one of its own; as `postgres` the standbys stream, and PostgreSQL's slot sync asks its primary in a session that looks like any other.
 */
const ROLES: readonly (readonly [RegExp, BackendRole])[] = [
  [/^postgres: (walsender )?slotcast /, 'services'],
  [/^postgres: slotsync worker/, 'slotsync'],
  [/^postgres: postgres [a-z]/, 'slotsync'],
  [/^postgres: (walreceiver|walsender postgres )/, 'streaming'],
  [/^postgres: startup/, 'replay'],
  [/^postgres: bench_load /, 'load'],
  [/^postgres: bench_decoding /, 'decoding'],
  [/^postgres: (walsender )?bench /, 'benchmark'],
  [
    /^postgres: (checkpointer|background writer|walwriter|walsummarizer|autovacuum|io worker|logical replication launcher|archiver)/,
    'background',
  ],
];

export function backendRole(commandLine: string): BackendRole {
  const title = commandLine.replaceAll('\0', ' ');
  return ROLES.find(([pattern]) => pattern.test(title))?.[1] ?? 'other';
}
