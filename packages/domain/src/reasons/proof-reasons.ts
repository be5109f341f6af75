import { entry, fixed } from './reason-entry.ts';

/** Why a copy is not proven. */
export const proofReasons = {
  proof_differs: entry(
    {
      from: 'lsn',
      to: 'lsn',
      here: 'count',
      here_changes: 'count',
      there: 'count',
      there_changes: 'count',
    },
    ({ from, to, here, here_changes, there, there_changes }) =>
      `it does not deliver what the slot on the primary does: of the commits between ${from} and ${to}, ${transactions(here)} with ${changes(here_changes)} here, ${transactions(there)} with ${changes(there_changes)} there`,
  ),
  proof_fails: entry({ said: 'said' }, ({ said }) => `it cannot be decoded here: ${said}`),
  /** Followed by what was found. */
  refuted: fixed('slotcast verify has refuted it; drop it on this server, and it is made anew', ': '),
  proof_nothing: fixed(
    'no transaction of its database was committed beyond what its subscriber has confirmed, so there was nothing to compare',
  ),
  proof_no_copy: fixed("there is no copy here that is slotcast's"),
  proof_no_plugin: entry(
    { plugin: 'name' },
    ({ plugin }) => `slots are compared by plugin ${plugin}, which SLOTCAST_PLUGINS does not allow`,
  ),
  proof_unanswered: entry(
    { seconds: 'seconds' },
    ({ seconds }) => `the publisher did not answer within ${seconds} s`,
  ),
  proof_not_replayed: entry(
    { position: 'lsn', seconds: 'seconds' },
    ({ position, seconds }) => `this server did not replay ${position} within ${seconds} s`,
  ),
  proof_too_long: entry(
    { bytes: 'bytes', limit: 'bytes' },
    ({ bytes, limit }) =>
      `${bytes} bytes of WAL would have to be read before the stretch to compare, more than ${limit}: ask for more with --bytes`,
  ),
  proof_interrupted: entry({ said: 'said' }, ({ said }) => `it could not be read to the end: ${said}`),
  /** Followed by what the publisher said. */
  proof_refused: fixed('the publisher could not read the slot on the primary', ': '),
  proof_no_time: fixed('there was no time left for it'),
} as const;

function transactions(count: string): string {
  return `${count} transaction${count === '1' ? '' : 's'}`;
}

function changes(count: string): string {
  return `${count} change${count === '1' ? '' : 's'}`;
}
