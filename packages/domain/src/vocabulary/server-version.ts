/** The first major version of PostgreSQL that has what slotcast's statements ask for. The only place that knows. */
const firstMajor = {
  /** `pg_replication_slots.two_phase`. */
  twoPhaseSlots: 14,
  /** `hash_record_extended()`. */
  recordHash: 14,
  /** `idle_session_timeout`. */
  idleSessionTimeout: 14,
  /** The option `messages` of pgoutput. */
  decodedMessages: 14,
  /** `GRANT SET ON PARAMETER` and `has_parameter_privilege()`. */
  parameterPrivileges: 15,
  /** `pg_replication_slots.conflicting`; 17 has `invalidation_reason` besides. */
  slotConflicts: 16,
  /** `client_connection_check_interval` (14), on every platform but Windows. */
  clientConnectionCheck: 16,
  /** `pg_log_standby_snapshot()`, and logical decoding on a standby. */
  decodingOnStandby: 16,
  /** `failover`, `synced`, `invalidation_reason`, `inactive_since`, and the server's own slot synchronisation. */
  slotSync: 17,
  /** `transaction_timeout`. */
  transactionTimeout: 17,
  /** `pg_logical_emit_message()` can flush. */
  messageFlush: 17,
  /** An empty `publication_names` for pgoutput, which sends no row then. Before it is refused. */
  emptyPublicationList: 17,
  /** `pg_replication_slots.two_phase_at`. */
  twoPhaseAt: 18,
} as const;

export type ServerFeature = keyof typeof firstMajor;

/** The major version of a `server_version_num`: 16 of 160014. */
export function majorOf(serverVersion: number): number {
  return Math.floor(serverVersion / 10_000);
}

/** True when a server of this major version has the feature. Versions that are yet to come are taken to have it. */
export function supports(major: number, feature: ServerFeature): boolean {
  return major >= firstMajor[feature];
}

/**
 * `server_version_num` from the `server_version` that a server reports at the start of a session, such as `16.14`,
 * `18.4 (Debian 18.4-1)` or `19beta1`. Throws a RangeError on anything else.
 */
export function parseServerVersion(text: string): number {
  const match = /^(\d+)(?:\.(\d+))?/.exec(text);
  if (match === null) {
    throw new RangeError(`not a server version: ${JSON.stringify(text)}`);
  }
  return Number(match[1]) * 10_000 + Number(match[2] ?? 0);
}
