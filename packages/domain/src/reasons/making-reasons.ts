import { entry, fixed } from './reason-entry.ts';

/** Why a copy is not there yet, or not to be used yet. */
export const makingReasons = {
  waits_first_event: fixed('waits for replay to reach its first event'),
  remaking: fixed('is being remade', ': '),
  other_identity: fixed('plugin, database or two_phase changed'),
  other_incarnation: fixed('dropped and created again on the primary'),
  invalidated_here: entry({ cause: 'name' }, ({ cause }) => `invalidated on this server only (${cause})`),
  missing_wal: fixed('WAL that it needs is missing from pg_wal of this server'),
  strayed: entry(
    { position: 'lsn', furthest: 'lsn?' },
    ({ position, furthest }) =>
      `it stands at ${position} here, and its subscriber on the primary was never seen to confirm more than ${furthest ?? 'nothing'}: somebody moved it or made it anew on this server, and the changes between would be skipped`,
  ),
  unexplained: entry(
    { position: 'lsn', furthest: 'lsn?' },
    ({ position, furthest }) =>
      `it stands at ${position} here, and it is not on record that its subscriber confirmed that (${furthest ?? 'nothing'} was seen)`,
    ': ',
  ),
  recording_ownership: fixed('ownership is being recorded'),
  recording_in_new_topic: fixed('ownership is being recorded anew for a recreated topic'),
  passed: fixed('has been passed by its subscriber'),
  pin_proven: fixed('catalog rows have been held back for it all the time'),
  adopted: fixed('was adopted'),
  being_made: fixed('is being made'),
  /** Followed by what the making waits for. */
  under_way: fixed('is being made', ', and '),
  making_again: fixed('is being made again'),
  restoring: entry({ leader: 'name' }, ({ leader }) => `is being made again from ${leader}`),
  made_elsewhere: fixed('is in the making by another session'),
  making_anchor: fixed('a temporary slot is being made that has catalog rows held back on the primary'),
  making_probe: fixed('a temporary slot is being made to find where decoding may start'),
  probe_lost: fixed('begins again, as catalog rows that it needs may not have been held back on the primary'),
  waits_transactions: entry(
    { xid: 'xid?', pid: 'count?', gid: 'said?', since: 'time?' },
    ({ xid, pid, gid, since }) =>
      `waits for a point where decoding may start: every transaction open on the primary now must end first${xid === undefined ? '' : `, the oldest is ${transactionText({ xid, pid, gid, since })}`}`,
  ),
  waits_subscriber: entry(
    { slot: 'name', position: 'lsn', now: 'lsn?' },
    ({ slot, position, now }) =>
      `waits for the subscriber of slot ${slot} on the primary to confirm ${position} (now ${now ?? 'nothing'})`,
  ),
  subscriber_too_slow: entry(
    { seconds: 'seconds' },
    ({ seconds }) => `its subscriber did not move past it in time, within ${seconds} s`,
  ),
  waits_prepared: entry(
    { count: 'count', xid: 'xid', pid: 'count?', gid: 'said?', since: 'time?' },
    ({ count, ...oldest }) =>
      `waits for what may have been prepared on the primary before this slot starts: commit or roll back ${count === '1' ? '' : `all ${count} of them, first `}${transactionText(oldest)}`,
  ),
  prepared_unknown: entry(
    { position: 'lsn?' },
    ({ position }) =>
      `waits for the publisher to tell what is prepared on the primary at ${position ?? 'its start'} or later`,
  ),
  too_many_prepared: entry(
    { limit: 'count' },
    ({ limit }) =>
      `waits until fewer than ${limit} transactions are prepared on the primary, to know which were before this slot starts`,
  ),
  adopted_unproven: fixed(
    'it was made before the primary was seen to hold back catalog rows for it, so it is made again when its subscriber has passed another one',
    ': ',
  ),
  waits_replay_of_pin: entry(
    { position: 'lsn' },
    ({ position }) =>
      `waits for replay to reach ${position}, where catalog rows were seen to be held back on the primary`,
  ),
  waits_pin: fixed('waits for the pin', ': '),
  pin_stale: entry(
    { slot: 'name', holder: 'name', beyond: 'lsn', now: 'lsn?' },
    ({ slot, holder, beyond, now }) =>
      `what the physical slot ${slot} on ${holder} holds back may be for a slot that is gone: it tells once WAL beyond ${beyond} is received (now ${now ?? 'nothing'})`,
  ),
  pin_slot_not_seen: fixed('no physical slot on the primary is known'),
} as const;

/** An open transaction with what is needed to find it and to end it. */
function transactionText(of: {
  readonly xid: string;
  readonly pid: string | undefined;
  readonly gid: string | undefined;
  readonly since: string | undefined;
}): string {
  const { xid, pid, gid, since } = of;
  if (gid !== undefined) {
    return `${xid}, prepared ${since === undefined ? '' : `at ${since} `}as '${gid}'`;
  }
  return `${xid}, open ${since === undefined ? '' : `since ${since} `}in process ${pid ?? 'unknown'}`;
}
