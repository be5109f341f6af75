/** One metric as it is declared. */
export interface MetricRow<Type extends 'gauge' | 'counter' | 'histogram', Label extends string> {
  readonly name: string;
  readonly type: Type;
  readonly help: string;
  readonly labels: readonly Label[];
}

/** Upper bounds in seconds for every histogram: from a millisecond, the time of one local query, to the patience of a DBA. */
export const histogramBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const perSlot = ['slot_name', 'slot_type'] as const;

/** Metrics of both services. */
export const commonMetrics = {
  buildInfo: {
    name: 'slotcast_build_info',
    type: 'gauge',
    help: 'Always 1, once per process; the labels say what runs: a publisher, a consumer, or a node, which is both.',
    labels: ['version', 'service', 'node', 'cluster'],
  },
  nodePhase: {
    name: 'slotcast_node_phase',
    type: 'gauge',
    help: 'Always 1; the labels are a half of the node, following or publishing, and the phase that it is in.',
    labels: ['half', 'phase'],
  },
  roleViolationsTotal: {
    name: 'slotcast_role_violations_total',
    type: 'counter',
    help: 'Times that something happened in a phase in which it never should; please report any.',
    labels: [],
  },
} as const satisfies Record<string, MetricRow<'gauge' | 'counter' | 'histogram', string>>;

/** Metrics of the publisher. */
export const publisherMetrics = {
  epoch: {
    name: 'slotcast_publisher_epoch',
    type: 'gauge',
    help: "Number of this publisher's tenure; 0 before the first.",
    labels: [],
  },
  isPublishing: {
    name: 'slotcast_publisher_is_publishing',
    type: 'gauge',
    help: '1 while this publisher holds a tenure, 0 while its server is a standby or a claim is under way.',
    labels: [],
  },
  claimsTotal: {
    name: 'slotcast_publisher_claims_total',
    type: 'counter',
    help: 'Tenures that were claimed.',
    labels: [],
  },
  slots: {
    name: 'slotcast_publisher_slots',
    type: 'gauge',
    help: 'Slots on this server that are published.',
    labels: [],
  },
  unreadableSlots: {
    name: 'slotcast_publisher_unreadable_slots',
    type: 'gauge',
    help: 'Slots on this server that are left alone because their rows cannot be right.',
    labels: [],
  },
  orphanedSlots: {
    name: 'slotcast_publisher_orphaned_slots',
    type: 'gauge',
    help: 'Slots that this server did not have when it became the primary, and of which other nodes may keep copies until they are forgotten.',
    labels: [],
  },
  eventsTotal: {
    name: 'slotcast_publisher_events_total',
    type: 'counter',
    help: 'Records that were published, by operation: create, update, drop or manifest.',
    labels: ['op'],
  },
  transactionsTotal: {
    name: 'slotcast_publisher_transactions_total',
    type: 'counter',
    help: 'Kafka transactions that were committed.',
    labels: [],
  },
  publishSeconds: {
    name: 'slotcast_publisher_publish_seconds',
    type: 'histogram',
    help: 'Time to commit one Kafka transaction.',
    labels: [],
  },
  pollSeconds: {
    name: 'slotcast_publisher_poll_seconds',
    type: 'histogram',
    help: 'Time of one look at pg_replication_slots.',
    labels: [],
  },
  lastPublishTimestampSeconds: {
    name: 'slotcast_publisher_last_publish_timestamp_seconds',
    type: 'gauge',
    help: 'Unix time of the newest committed transaction; 0 before the first.',
    labels: [],
  },
  standbySnapshotsTotal: {
    name: 'slotcast_publisher_standby_snapshots_total',
    type: 'counter',
    help: 'Running-transactions records that were asked of the server.',
    labels: [],
  },
  rivalPrimaries: {
    name: 'slotcast_publisher_rival_primaries',
    type: 'gauge',
    help: 'Other servers that act as primary, as far as this publisher knows: promoted while it publishes, or at work when it took the topic over.',
    labels: [],
  },
  subscribersAhead: {
    name: 'slotcast_publisher_subscribers_ahead',
    type: 'gauge',
    help: 'Slots that stand beyond the WAL of this primary, or whose subscribers say that they do, by the last look.',
    labels: [],
  },
  malformedRecordsTotal: {
    name: 'slotcast_publisher_malformed_records_total',
    type: 'counter',
    help: 'Records that were skipped because they could not be read, or turned the clock back.',
    labels: [],
  },
  promotionAheadSlots: {
    name: 'slotcast_promotion_ahead_slots',
    type: 'gauge',
    help: 'Slots whose subscribers were ahead of this server when it was promoted, by outcome: fenced, quarantined, unsafe or unknown.',
    labels: ['outcome'],
  },
  promotionLostSlots: {
    name: 'slotcast_promotion_lost_slots',
    type: 'gauge',
    help: 'Slots that were not ready on this server when it was promoted, and were not made since.',
    labels: [],
  },
  promotionTimestampSeconds: {
    name: 'slotcast_promotion_timestamp_seconds',
    type: 'gauge',
    help: 'When this server was promoted, in seconds since 1970; 0 when no promotion is known.',
    labels: [],
  },
  canaryEnabled: {
    name: 'slotcast_publisher_canary_enabled',
    type: 'gauge',
    help: '1 where SLOTCAST_CANARY is on.',
    labels: [],
  },
  canaryUp: {
    name: 'slotcast_publisher_canary_up',
    type: 'gauge',
    help: '1 while the canary receives what it writes; 0 while it is broken, off, or has no tenure.',
    labels: [],
  },
  canarySeconds: {
    name: 'slotcast_publisher_canary_seconds',
    type: 'histogram',
    help: 'Time from writing a change of the canary to receiving it through its slot, both on the primary.',
    labels: [],
  },
  canaryFailuresTotal: {
    name: 'slotcast_publisher_canary_failures_total',
    type: 'counter',
    help: 'Times that the canary failed and began again.',
    labels: [],
  },
} as const satisfies Record<string, MetricRow<'gauge' | 'counter' | 'histogram', string>>;

/** Metrics of the consumer. */
export const consumerMetrics = {
  slotState: {
    name: 'slotcast_consumer_slot_state',
    type: 'gauge',
    help: '1 for the state that the slot is in on this server, 0 for the others.',
    labels: [...perSlot, 'state'],
  },
  slotLagBytes: {
    name: 'slotcast_consumer_slot_lag_bytes',
    type: 'gauge',
    help: 'Bytes of WAL between the newest published confirmed_flush_lsn (restart_lsn of a physical slot) and the one here.',
    labels: perSlot,
  },
  orphanedWalBytes: {
    name: 'slotcast_consumer_orphaned_wal_bytes',
    type: 'gauge',
    help: 'Bytes of WAL that this server keeps for its copy of an orphaned slot.',
    labels: perSlot,
  },
  appliedOffset: {
    name: 'slotcast_consumer_applied_offset',
    type: 'gauge',
    help: 'Offset of the next record of the slots topic to read.',
    labels: [],
  },
  waitingEvents: {
    name: 'slotcast_consumer_waiting_events',
    type: 'gauge',
    help: 'Events that wait until replay reaches their LSN.',
    labels: [],
  },
  malformedRecordsTotal: {
    name: 'slotcast_consumer_malformed_records_total',
    type: 'counter',
    help: 'Records that were skipped because they could not be read, or turned the clock back.',
    labels: [],
  },
  invariantViolationsTotal: {
    name: 'slotcast_consumer_invariant_violations_total',
    type: 'counter',
    help: 'Steps that were about to break a rule by which no data is lost, and were not taken: a fault of slotcast.',
    labels: [],
  },
  actionsTotal: {
    name: 'slotcast_consumer_actions_total',
    type: 'counter',
    help: 'Actions on slots of this server by kind and outcome.',
    labels: ['kind', 'outcome'],
  },
  moveSeconds: {
    name: 'slotcast_consumer_move_seconds',
    type: 'histogram',
    help: 'Time of one batch of moves without decoding.',
    labels: [],
  },
  advanceSeconds: {
    name: 'slotcast_consumer_advance_seconds',
    type: 'histogram',
    help: 'Time of one statement that advances slots by decoding.',
    labels: [],
  },
  decodingSlots: {
    name: 'slotcast_consumer_decoding_slots',
    type: 'gauge',
    help: 'Slots here that are advanced by decoding because they cannot be moved without.',
    labels: [],
  },
  restartGapBytes: {
    name: 'slotcast_consumer_restart_gap_bytes',
    type: 'gauge',
    help: "WAL that this server keeps for a slot although the primary's slot needs it no more: between the restart_lsn of both, of the slot where that is most.",
    labels: [],
  },
  restartBacklogSlots: {
    name: 'slotcast_consumer_restart_backlog_slots',
    type: 'gauge',
    help: 'Slots whose restart_lsn is far behind while it falls behind faster than it is made up; 0 otherwise, however much is being made up.',
    labels: [],
  },
  slotProofTimestampSeconds: {
    name: 'slotcast_consumer_slot_proof_timestamp_seconds',
    type: 'gauge',
    help: 'Unix time at which the copy of the slot was last seen to deliver what the slot on the primary does (slotcast verify); none where it was not, or is refuted since.',
    labels: perSlot,
  },
  proofsTotal: {
    name: 'slotcast_consumer_proofs_total',
    type: 'counter',
    help: 'Copies that were compared with their slots on the primary, by result: proven, wrong, nothing or unknown.',
    labels: ['result'],
  },
  applyDelaySeconds: {
    name: 'slotcast_consumer_apply_delay_seconds',
    type: 'histogram',
    help: "Time from an event's origin, by the publisher's clock, until it was applied here.",
    labels: [],
  },
  canaryLagSeconds: {
    name: 'slotcast_consumer_canary_lag_seconds',
    type: 'gauge',
    help: "End-to-end lag: from writing the canary's last change on the primary to its slot standing past it here; or the age of a change that it does not stand past, if that is more.",
    labels: [],
  },
  canarySeconds: {
    name: 'slotcast_consumer_canary_seconds',
    type: 'histogram',
    help: 'End-to-end lag of every change of the canary.',
    labels: [],
  },
  canaryTimestampSeconds: {
    name: 'slotcast_consumer_canary_timestamp_seconds',
    type: 'gauge',
    help: "Unix time, by the publisher's clock, at which the newest change was written that the canary's slot stands past here; 0 before the first.",
    labels: [],
  },
  publisherHeartbeatAgeSeconds: {
    name: 'slotcast_consumer_publisher_heartbeat_age_seconds',
    type: 'gauge',
    help: "Age of the publisher's newest manifest.",
    labels: [],
  },
  topicAlarm: {
    name: 'slotcast_consumer_topic_alarm',
    type: 'gauge',
    help: '1 while the slots topic has no manifest, two servers were promoted to its timeline, or this standby follows another branch; nothing is done to the slots meanwhile.',
    labels: [],
  },
} as const satisfies Record<string, MetricRow<'gauge' | 'counter' | 'histogram', string>>;
