import { entry, fixed } from './reason-entry.ts';

/** Why a copy that stands here cannot take over now, or none may be here. */
export const blockingReasons = {
  dropped_on_primary: fixed('it was dropped on the primary'),
  not_on_primary: fixed('the primary has no such slot any more'),
  orphaned: entry(
    { slot: 'name', since: 'time', cause: 'name' },
    ({ slot, since, cause }) =>
      `it is a copy of ${slot} as it was before ${since}, when a primary took over that ${orphanCause(cause)}. It is kept, with the WAL and the catalog rows that it needs: promote this server, or give it up with slotcast forget ${slot}`,
  ),
  orphaned_elsewhere: fixed(
    'the primary does not have it, since it took over without it: it cannot be made here. Promote a server that has a copy, or give it up with slotcast forget',
  ),
  orphan_useless: fixed('the copy here could not serve its subscriber'),
  kept_aside: entry({ copy: 'name' }, ({ copy }) => `another slot has its name, so it is kept as ${copy}`),
  aside_name_taken: entry(
    { copy: 'name' },
    ({ copy }) =>
      `another slot has its name, and ${copy}, under which it is to be kept, is taken by a slot that slotcast did not make: rename or drop that one`,
  ),
  waits_new_primary: fixed(
    'a server was promoted, and its publisher has not said yet whether it has the slot: until then what is here stays',
  ),
  waits_manifest: fixed('waits for the list of slots that goes with what happened to it on the primary'),
  physical_on_primary: fixed('it is a physical slot on the primary now'),
  own_upstream_slot: fixed(
    'this standby, or one that it streams from, streams through the slot of this name: nobody will follow this server with it',
  ),
  keeps_no_wal: fixed('it keeps no WAL on the primary now'),
  keeps_too_little: entry(
    { position: 'lsn?', needed: 'lsn' },
    ({ position, needed }) =>
      `it keeps WAL from ${position ?? 'nowhere'} on here, and its reader may need it from ${needed} on: waits until the slot on the primary has passed that`,
  ),
  not_selected: fixed('SLOTCAST_SLOTS does not select it'),
  kept_here: fixed('SLOTCAST_DROP_EXTRA_SLOTS=false keeps the copy here'),
  lost_on_primary: entry(
    { cause: 'name' },
    ({ cause }) => `lost on the primary (${cause}): drop it there and let its subscriber start over`,
  ),
  native: fixed(
    "PostgreSQL's own slot synchronisation keeps it (failover = true, sync_replication_slots = on)",
  ),
  native_blocked: fixed('a slot of this name stands in the way here: drop it', '. '),
  name_taken_by_physical: fixed(
    'a physical slot of this name exists here, which slotcast never touches: rename one of the two',
  ),
  name_taken_by_placeholder: fixed(
    'a physical slot without WAL has the name here, as slotcast leaves one under that of a quarantined slot: free the name with slotcast release',
  ),
  name_taken_by_foreign_physical: fixed(
    'a physical slot of this name exists here that slotcast did not make: take it over with slotcast adopt, or drop it when nobody needs it any more, and slotcast makes one',
  ),
  name_taken_by_logical: fixed(
    'a logical slot of this name exists here, and the one on the primary is physical: rename one of the two',
  ),
  name_taken: fixed(
    'a slot of this name exists here that slotcast did not make: take it over with slotcast adopt, drop it in its own database, or set SLOTCAST_ON_CONFLICT=replace to have it replaced',
  ),
  replacing: fixed('a foreign slot is being replaced'),
  used_here: fixed(
    'another program uses it on this server: end that (pg_replication_slots has its active_pid)',
  ),
  feedback_off: fixed(
    'hot_standby_feedback is off here, so vacuum on the primary may remove what this slot needs: set hot_standby_feedback = on and reload',
  ),
  feedback_off_between: entry(
    { node: 'name' },
    ({ node }) =>
      `hot_standby_feedback is off on node ${node}, which this standby streams from: set it on there`,
  ),
  no_primary_slot: fixed(
    'this standby streams without a physical slot: create one upstream (pg_create_physical_replication_slot), set primary_slot_name to it and reload',
  ),
  pin_slot_unknown: entry(
    { slot: 'name' },
    ({ slot }) =>
      `the physical slot ${slot} is not known upstream: create it there, and run slotcast beside every server in between`,
  ),
  pin_unslotted: entry(
    { node: 'name' },
    ({ node }) =>
      `node ${node}, which this standby streams from, itself streams without a physical slot: create one upstream, set primary_slot_name to it there and reload`,
  ),
  pin_slot_invalidated: entry(
    { slot: 'name', node: 'name' },
    ({ slot, node }) =>
      `the physical slot ${slot} on ${node} was invalidated and holds nothing back: drop it there and make it anew`,
  ),
  pin_not_held: entry(
    { slot: 'name', node: 'name', catalog_xmin: 'xid?', needed: 'xid' },
    ({ slot, node, catalog_xmin, needed }) =>
      `the physical slot ${slot} on ${node} does not hold back catalog rows for it yet (catalog_xmin ${catalog_xmin ?? 'not set'}, needed ${needed}): it follows within wal_receiver_status_interval of this standby`,
  ),
  pin_not_streamed: entry(
    { slot: 'name', node: 'name', catalog_xmin: 'xid?', needed: 'xid' },
    ({ slot, node, catalog_xmin, needed }) =>
      `the physical slot ${slot} on ${node} does not hold back catalog rows for it yet (catalog_xmin ${catalog_xmin ?? 'not set'}, needed ${needed}): nobody streams through it; it follows once this standby does`,
  ),
  pin_ambiguous: entry(
    { slot: 'name', nodes: 'name' },
    ({ slot, nodes }) =>
      `${nodes} each have a physical slot ${slot}, and it cannot be told which of them is in use: drop it where it is not`,
  ),
  plugin_not_allowed: entry(
    { plugin: 'name' },
    ({ plugin }) =>
      `its plugin ${JSON.stringify(plugin)} is not allowed here: add it to SLOTCAST_PLUGINS if this server may load it`,
  ),
  plugin_not_listed: entry(
    { plugin: 'name' },
    ({ plugin }) =>
      `its plugin ${JSON.stringify(plugin)} is not in output_plugin_libraries of this server: add it there`,
  ),
  plugin_unloadable: entry(
    { plugin: 'name', said: 'said' },
    ({ plugin, said }) =>
      `its plugin ${JSON.stringify(plugin)} cannot be loaded by this server any more (${said}): install it here again`,
  ),
  over_wal_limit: entry(
    { restart_lsn: 'lsn', needed: 'bytes', kept: 'bytes' },
    ({ restart_lsn, needed, kept }) =>
      `it needs WAL from ${restart_lsn} on, ${needed} bytes, and max_slot_wal_keep_size keeps ${kept} here, so the next checkpoint takes it: raise max_slot_wal_keep_size on this server and reload`,
  ),
  no_free_slots: entry(
    { needed: 'count', free: 'count', max: 'count' },
    ({ needed, free, max }) =>
      `it takes ${needed} free replication slots to make it, and ${free} of ${max} are free here: raise max_replication_slots and restart the server`,
  ),
  publisher_silent: entry(
    { seconds: 'seconds' },
    ({ seconds }) => `the publisher has said nothing for ${seconds} s: is it running beside the primary?`,
  ),
  behind: entry(
    { bytes: 'bytes', seconds: 'seconds', goal: 'lsn?' },
    ({ bytes, seconds, goal }) =>
      `is ${bytes} bytes and ${seconds} s behind the primary${goal === undefined ? '' : ` (goal ${goal})`}`,
  ),
  /** `sqlstate` and `remedy` where PostgreSQL reported the error. */
  failed: entry(
    { step: 'name', target: 'lsn?', sqlstate: 'name?', said: 'said', remedy: 'said?' },
    ({ step, target, said, remedy }) =>
      `${step}${target === undefined ? '' : ` to ${target}`} failed: ${said}${remedy === undefined ? '' : `; ${remedy}`}`,
  ),
  move_refused: entry(
    { sqlstate: 'name?', said: 'said' },
    ({ said }) => `moving it without decoding failed: ${said}`,
  ),
  no_walsender: entry(
    { step: 'name', database: 'name', sqlstate: 'name?', said: 'said' },
    ({ step, database, said }) => `${step} on database ${database} failed: ${said}`,
  ),
  unreadable_name: entry({ said: 'said' }, ({ said }) => said),
  unreadable_type: entry({ type: 'name' }, ({ type }) => `it has the unknown type ${JSON.stringify(type)}`),
  unreadable_logical: entry({ lacks: 'name' }, ({ lacks }) => `it has no ${lacks}, as a logical slot must`),
  unreadable_position: entry(
    { column: 'name', value: 'said' },
    ({ column, value }) =>
      `its ${column} ${value} is no position in WAL: a client has confirmed what it never received. Drop the slot, and let its subscriber start over`,
  ),
  beyond_wal: entry(
    { column: 'name', position: 'lsn' },
    ({ column, position }) =>
      `its ${column} ${position} is far beyond the end of WAL: a client has confirmed what this server never had. Drop the slot, and let its subscriber start over`,
  ),
  filter_selects_none: entry(
    { filter: 'name', count: 'count', names: 'names' },
    ({ filter, count, names }) =>
      `SLOTCAST_SLOTS=${filter} selects none of the logical slots of the primary (${count}: ${names}): ${CONFIRM_FILTER}`,
  ),
  filter_drops: entry(
    { filter: 'name', drops: 'count', keeps: 'count' },
    ({ filter, drops, keeps }) =>
      `SLOTCAST_SLOTS=${filter} would have ${drops} copies dropped, and ${keeps} kept: ${CONFIRM_FILTER}`,
  ),
  invariant: entry(
    { step: 'name', fault: 'said' },
    ({ step, fault }) =>
      `slotcast was about to take a wrong step (${step}: ${fault}), and leaves the slot as it is: that is a fault of slotcast, report it with the log of the consumer`,
  ),
} as const;

const CONFIRM_FILTER =
  'correct it, or set SLOTCAST_SLOTS_CONFIRM to the same text if that is meant. Until then no copy is dropped because of it';

function orphanCause(cause: string): string {
  switch (cause) {
    case 'other_slot':
      return 'had another slot of that name';
    case 'quarantined':
      return 'had to take it out of reach of its subscriber';
    default:
      return 'did not have it';
  }
}
