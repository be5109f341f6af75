/** What a statement of packages/postgres is, by the name that it is prepared under, or by words that only it has. */
const names = [
  ['observe_primary', 'slotcast_observe_primary'],
  ['observe_standby', 'slotcast_observe_standby'],
  ['is_in_recovery', 'slotcast_is_in_recovery'],
  ['watch_recovery', 'slotcast_watch_recovery'],
  ['replay_lsn', 'slotcast_read_replay_lsn'],
  ['standby_settings', 'slotcast_standby_settings'],
  ['streamed_timeline', 'slotcast_streamed_timeline'],
  ['oldest_wal', 'slotcast_oldest_wal'],
  ['oldest_transaction', 'slotcast_oldest_transaction'],
  ['prepared_transactions', 'slotcast_prepared_transactions'],
  ['wal_end', 'slotcast_wal_end'],
  ['beyond_wal', 'slotcast_beyond_wal'],
  ['wal_room', 'slotcast_wal_room'],
  ['switch_wal', 'slotcast_switch_wal'],
  ['emit_message', 'slotcast_emit_message'],
  ['advance_slots', 'slotcast_advance_slots'],
  ['remake_slot', 'slotcast_remake_slot'],
] as const;

/** The first that is found in a text counts. */
const words = [
  ['preconditions', 'as may_log_standby_snapshot'],
  ['server_identity', 'from pg_control_system()'],
  ['identify_system', 'IDENTIFY_SYSTEM'],
  ['timeline_history', 'TIMELINE_HISTORY '],
  ['try_node_lock', 'select pg_try_advisory_lock('],
  ['release_node_lock', 'select pg_advisory_unlock('],
  ['node_lock_holders', 'select l.pid = pg_backend_pid() as own'],
  ['end_node_lock_holders', 'and a.pid in (select l.pid'],
  ['silence_log', 'set log_min_messages = fatal'],
  ['plugin_libraries', `current_setting('output_plugin_libraries', true)`],
  ['list_databases', 'from pg_database where datallowconn order by datname'],
  ['database_exists', 'from pg_database where datname = $1 and datallowconn'],
  ['database_name', 'select datname as name from pg_database where oid = $1'],
  ['database_oid', 'select oid from pg_database where datname = $1'],
  ['session_database', 'select datid as oid, current_database() as name'],
  ['log_standby_snapshot', 'select pg_log_standby_snapshot() as lsn'],
  ['have_aborted', `pg_xact_status(xid::xid8) = 'aborted'`],
  ['may_switch_wal', `has_function_privilege('pg_switch_wal()', 'EXECUTE')`],
  ['may_read_files', `has_function_privilege('pg_read_binary_file(`],
  ['fill_wal', `pg_logical_emit_message(false, 'slotcast', repeat(' ', $1::int)`],
  ['create_temporary', '$2, temporary => true)'],
  ['copy_slots', 'from unnest($2::name[], $3::name[]) as wanted (name, plugin)'],
  ['copy_slot', 'temporary => false, plugin => $3)'],
  ['find_load_failure', 'temporary => true, plugin => $3) as made'],
  ['create_logical', '$2, temporary => false'],
  ['existing_slots', 'select slot_name from pg_replication_slots where slot_name = any($1::name[])'],
  ['replace_by_placeholder', 'case pg_drop_replication_slot(case when slot.obstacle is null'],
  ['create_placeholder', 'from pg_create_physical_replication_slot($1::name, false)'],
  ['drop_slot', 'pg_drop_replication_slot(case when slot.obstacle is null then $1::name end)'],
  ['slot_database', 'select datoid from pg_replication_slots where slot_name = $1'],
  [
    'end_creations',
    'where slot_name = any($1::name[]) and confirmed_flush_lsn is null and active_pid is not null',
  ],
  ['end_left_sessions', 'join pg_stat_activity as a on a.pid = s.active_pid'],
  ['leading_slots', `where s.slot_type = 'logical' and not s.temporary and not pg_is_in_recovery()`],
  ['read_moves', 'and confirmed_flush_lsn is not null'],
  ['drop_leading_slot', 'select pg_drop_replication_slot(l.slot_name)'],
  ['failover_property', 'ALTER_REPLICATION_SLOT '],
  ['free_walsenders', `current_setting('max_wal_senders')::int`],
] as const;

export type StatementName = (typeof names)[number][0] | (typeof words)[number][0];

const byName = new Map<string, StatementName>(names.map(([op, name]) => [name, op]));
const byText = new Map<string, StatementName>();

/** Throws on a statement that the twin does not know. */
export function statementName({
  name,
  text,
}: {
  readonly name?: string;
  readonly text: string;
}): StatementName {
  const known = name === undefined ? byText.get(text) : byName.get(name);
  if (known !== undefined) {
    return known;
  }
  const first = words.find(([, part]) => text.includes(part));
  if (first === undefined) {
    throw new Error(`the twin of PostgreSQL does not know ${text}`);
  }
  byText.set(text, first[0]);
  return first[0];
}
