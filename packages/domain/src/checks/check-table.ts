export const checkAreas = ['server', 'kafka', 'cluster'] as const;
export type CheckArea = (typeof checkAreas)[number];

/** What is declared about one check. */
interface CheckRow {
  readonly area: CheckArea;
  /** What has to be so. */
  readonly asks: string;
  /** The outcomes other than `ok` that it can have. */
  readonly outcomes: string;
}

/** Every check of `slotcast doctor`; one row each, listed in `docs/reference/doctor.md`, in the order in which they are printed. */
export const checkTable = {
  node_js: {
    area: 'server',
    asks: 'The version of Node.js here is one that slotcast runs on.',
    outcomes: 'failed',
  },
  postgres_connection: {
    area: 'server',
    asks: "This node's PostgreSQL server lets the role in, and answers.",
    outcomes: 'failed',
  },
  walsender_connection: {
    area: 'server',
    asks: 'The server lets the role in for a walsender session on its database.',
    outcomes: 'failed',
  },
  server_version: {
    area: 'server',
    asks: 'The server is PostgreSQL 16, 17 or 18.',
    outcomes: 'warning, failed',
  },
  wal_level: { area: 'server', asks: '`wal_level` is `logical`.', outcomes: 'failed' },
  role_replication: {
    area: 'server',
    asks: 'The role has `REPLICATION`, which slots need.',
    outcomes: 'failed',
  },
  role_pg_monitor: {
    area: 'server',
    asks: 'The role has `pg_monitor`, which shows where a standby streams from.',
    outcomes: 'failed',
  },
  role_standby_snapshot: {
    area: 'server',
    asks: 'The role may call `pg_log_standby_snapshot()`, for which standbys wait when they make a slot.',
    outcomes: 'failed',
  },
  role_emit_message: {
    area: 'server',
    asks: 'The role may call `pg_logical_emit_message()`, which makes the fence at a promotion.',
    outcomes: 'failed',
  },
  role_log_min_messages: {
    area: 'server',
    asks: "The role may set `log_min_messages`, which keeps moves of slots out of the server's log.",
    outcomes: 'warning',
  },
  role_switch_wal: {
    area: 'server',
    asks: 'The role may call `pg_switch_wal()`, which makes the fence at a promotion cheaper.',
    outcomes: 'info',
  },
  database_connect: {
    area: 'server',
    asks: 'The server lets the role in to each database that has logical slots: a session is opened there.',
    outcomes: 'warning, failed',
  },
  hot_standby_feedback: {
    area: 'server',
    asks: '`hot_standby_feedback` is on, so that the primary keeps what slots on a standby need.',
    outcomes: 'warning on a primary, failed on a standby',
  },
  primary_slot_name: {
    area: 'server',
    asks: 'The standby streams from a physical slot, which keeps its feedback while it is away.',
    outcomes: 'failed',
  },
  streaming: {
    area: 'server',
    asks: 'The standby receives WAL, through the physical slot that it is set to.',
    outcomes: 'failed',
  },
  max_replication_slots: {
    area: 'server',
    asks: '`max_replication_slots` has room for logical slots, standbys, and one temporary slot per database with slots.',
    outcomes: 'warning, failed on a standby',
  },
  max_wal_senders: {
    area: 'server',
    asks: '`max_wal_senders` has room for standbys, subscribers, and slotcast: 2 and one per database with slots.',
    outcomes: 'warning, failed',
  },
  plugins: {
    area: 'server',
    asks: 'The plugins of the slots are in `SLOTCAST_PLUGINS`, and in `output_plugin_libraries` where the server has that.',
    outcomes: 'failed',
  },
  slot_rows: {
    area: 'server',
    asks: 'The row of each slot can be right: one whose client has confirmed what the server never had is left alone.',
    outcomes: 'failed',
  },
  slot_filter: {
    area: 'server',
    asks: "`SLOTCAST_SLOTS` selects some of the primary's logical slots, where there are any, or `SLOTCAST_SLOTS_CONFIRM` repeats it.",
    outcomes: 'failed',
  },
  slot_synchronisation: {
    area: 'server',
    asks: "What PostgreSQL's own slot synchronisation does (17 and later): `sync_replication_slots`, `synchronized_standby_slots`.",
    outcomes: 'info',
  },
  server_clock: {
    area: 'server',
    asks: "The server's clock and the one here differ by 5 s at most.",
    outcomes: 'warning',
  },
  kafka_connection: { area: 'kafka', asks: 'The brokers answer.', outcomes: 'failed' },
  topics: {
    area: 'kafka',
    asks: 'Both topics exist, with the settings, partitions and replicas that are needed.',
    outcomes: 'warning, failed',
  },
  transactional_id: {
    area: 'kafka',
    asks: 'A transactional id of this cluster can be claimed; one is used that no service has.',
    outcomes: 'failed',
  },
  schema_registry: {
    area: 'kafka',
    asks: 'The schema registry answers, if one is configured.',
    outcomes: 'failed',
  },
  topic_reading: {
    area: 'kafka',
    asks: 'Both topics can be read to their end, with a consumer group, and hold what slotcast wrote only.',
    outcomes: 'warning, failed',
  },
  kafka_clock: {
    area: 'kafka',
    asks: "Kafka's clock, which stamps the records, and the one here differ by 5 s at most.",
    outcomes: 'info, warning',
  },
  system_identifier: {
    area: 'cluster',
    asks: 'The server is of the database cluster whose slots the topic holds.',
    outcomes: 'info, failed',
  },
  node_name: {
    area: 'cluster',
    asks: 'No service works under the name of this node beside another server.',
    outcomes: 'info, failed',
  },
  timeline: {
    area: 'cluster',
    asks: "A primary's timeline continues what the topic holds: the publisher may claim it.",
    outcomes: 'failed',
  },
  publisher: {
    area: 'cluster',
    asks: 'A publisher was heard of within its interval of 5 s.',
    outcomes: 'warning, failed',
  },
  consumers: {
    area: 'cluster',
    asks: 'The consumers of all standbys were heard of within a minute.',
    outcomes: 'warning',
  },
  slot_moves: {
    area: 'cluster',
    asks: 'Slots on standbys are moved without decoding: on a standby its own, on a primary all.',
    outcomes: 'warning',
  },
  catalog_pin: {
    area: 'cluster',
    asks: 'The physical slots from this standby up to the primary hold back the catalog rows that its slots need.',
    outcomes: 'info, failed',
  },
  standby_slots: {
    area: 'cluster',
    asks: 'On a primary: each standby streams from a physical slot, which is active and passes its feedback on.',
    outcomes: 'info, warning, failed',
  },
  slotcast_versions: {
    area: 'cluster',
    asks: 'All nodes run the same version of slotcast.',
    outcomes: 'warning',
  },
} as const satisfies Record<string, CheckRow>;

export type CheckName = keyof typeof checkTable;
