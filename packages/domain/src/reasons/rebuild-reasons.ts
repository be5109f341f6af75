import { entry, fixed } from './reason-entry.ts';

/** Why `slotcast rebuild` leaves a slot out, or what is to be known of one that it installs. */
export const rebuildReasons = {
  rebuild_installed: fixed(
    'slotcast rebuild has put it into the data folder: the consumer judges it when the server runs',
  ),
  rebuild_unwanted: fixed('SLOTCAST_SLOTS or --slots does not select it'),
  rebuild_physical: fixed('it is a physical slot: make it on the server when that runs'),
  rebuild_orphaned: fixed(
    'it is orphaned: the present primary does not have it, so the copy that is kept elsewhere is the one to go by',
  ),
  rebuild_later: entry(
    { position: 'lsn' },
    ({ position }) =>
      `the topic has no event of it at or before ${position}, where this server is consistent`,
  ),
  rebuild_elsewhere: fixed('its events lie on a timeline that this server does not come from'),
  rebuild_outside_window: entry(
    { position: 'lsn', since: 'time' },
    ({ position, since }) =>
      `the topic does not tell any more which slots there were at ${position}: its history goes back to ${since} (min.compaction.lag.ms of the topic)`,
  ),
  rebuild_dropped: fixed('it was dropped on the primary since, or made anew'),
  rebuild_history_gone: entry(
    { position: 'lsn' },
    ({ position }) =>
      `compaction may have removed its state at ${position} from the topic, and an older one may need catalog rows that are gone: choose a position within the history window (min.compaction.lag.ms of the topic)`,
  ),
  rebuild_no_position: fixed(
    'its newest event says nothing that it could be installed by: it has reserved no WAL, was invalidated, or its subscriber has confirmed WAL that the primary did not have',
  ),
  rebuild_two_phase_unknown: fixed(
    'where its decoding of prepared transactions began is not known: before PostgreSQL 18 the publisher reads it from a file, for which its role needs EXECUTE on pg_read_binary_file(text, bigint, bigint, boolean)',
  ),
  rebuild_rows_not_held: entry(
    { xmin: 'xid', now: 'xid?' },
    ({ xmin, now }) =>
      `it needs catalog rows since transaction ${xmin}, the slot on the primary only those since ${now ?? 'an unknown one'}, so they may be gone when this server goes on: stop it when it has replayed more, and try again`,
  ),
  rebuild_exists: fixed("a slot of this name stands there that is not slotcast's: drop it, or leave it"),
  rebuild_stands: fixed("slotcast's copy stands there already, and is no older"),
  rebuild_no_room: entry(
    { limit: 'count' },
    ({ limit }) =>
      `max_replication_slots is ${limit}, with which the server would not start: set it higher first`,
  ),
  rebuild_wal_missing: entry(
    { file: 'name', count: 'count' },
    ({ file, count }) =>
      `${count} WAL files that it needs are missing, the first is ${file}: put them into pg_wal, or give --restore-command`,
  ),
  rebuild_open_transactions: entry(
    { position: 'lsn' },
    ({ position }) =>
      `transactions were open at ${position}, where it starts, and the topic does not carry the state of decoding there, so what they committed would be missing without an error: let the publisher read it (GRANT EXECUTE ON FUNCTION pg_read_binary_file(text, bigint, bigint, boolean)), and try again when the subscriber has moved`,
  ),
} as const;
