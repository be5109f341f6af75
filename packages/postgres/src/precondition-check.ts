import type { PreconditionFacts } from './preconditions.ts';
import { supports } from './server-version.ts';

/** Which of the two services asks. */
export type ServiceRole = 'publisher' | 'consumer';

/**
 * `fatal`: a restart will not mend it, so the service ends (exit code 78). `blocked`: the service runs, and its slots are not ready.
 * `warning`: it works, but not as well as it could.
 */
export const findingSeverities = ['fatal', 'blocked', 'warning'] as const;
export type FindingSeverity = (typeof findingSeverities)[number];

export const findingCodes = [
  'server_unsupported',
  'wal_level',
  'replication_missing',
  'pg_monitor_missing',
  'standby_snapshot_denied',
  'hot_standby_feedback',
  'primary_slot_name',
  'replication_slots_full',
  'log_min_messages',
] as const;
export type FindingCode = (typeof findingCodes)[number];

/** A precondition that is not met. */
export interface Finding {
  readonly severity: FindingSeverity;
  readonly code: FindingCode;
  /** What is wrong, and the exact statement that mends it. */
  readonly message: string;
}

/** The oldest major version whose slots can be published. */
const OLDEST_MAJOR = 13;

/** All preconditions that are not met for this service, the worst first. */
export function checkPreconditions(facts: PreconditionFacts, service: ServiceRole): readonly Finding[] {
  const findings = [...checkServer(facts, service), ...checkRole(facts, service)];
  if (service === 'consumer' && facts.inRecovery) {
    findings.push(...checkStandby(facts));
  }
  return findings.toSorted(
    (a, b) => findingSeverities.indexOf(a.severity) - findingSeverities.indexOf(b.severity),
  );
}

function checkServer(facts: PreconditionFacts, service: ServiceRole): Finding[] {
  const findings: Finding[] = [];
  const supported =
    facts.major >= OLDEST_MAJOR && (service === 'publisher' || supports(facts.major, 'decodingOnStandby'));
  if (!supported) {
    findings.push({
      severity: 'fatal',
      code: 'server_unsupported',
      message: `the server is PostgreSQL ${facts.major}, on which a ${service} cannot work: a publisher needs ${OLDEST_MAJOR}, a consumer 16 or later`,
    });
  }
  if (facts.walLevel !== 'logical') {
    findings.push({
      severity: 'fatal',
      code: 'wal_level',
      message: `wal_level is ${facts.walLevel}, so there can be no logical slots: ALTER SYSTEM SET wal_level = 'logical'; then restart the server`,
    });
  }
  return findings;
}

function checkRole(facts: PreconditionFacts, service: ServiceRole): Finding[] {
  const { role, database } = facts;
  const findings: Finding[] = [];
  if (!facts.hasReplication) {
    findings.push({
      severity: 'fatal',
      code: 'replication_missing',
      message: `the role ${role} may not use replication slots: ALTER ROLE ${role} REPLICATION;`,
    });
  }
  if (!facts.hasMonitor) {
    findings.push({
      severity: service === 'consumer' ? 'fatal' : 'warning',
      code: 'pg_monitor_missing',
      message: `the role ${role} may not see the state of replication: GRANT pg_monitor TO ${role};`,
    });
  }
  if (service === 'publisher' && supports(facts.major, 'decodingOnStandby') && !facts.mayLogStandbySnapshot) {
    findings.push({
      severity: 'fatal',
      code: 'standby_snapshot_denied',
      message: `the role ${role} may not log running transactions, for which standbys wait when they make a slot; in database ${database} of the primary: GRANT EXECUTE ON FUNCTION pg_log_standby_snapshot() TO ${role};`,
    });
  }
  if (service === 'consumer' && !facts.maySilenceLog) {
    const remedy = supports(facts.major, 'parameterPrivileges')
      ? `GRANT SET ON PARAMETER log_min_messages TO ${role};`
      : 'that takes a superuser before PostgreSQL 15';
    findings.push({
      severity: 'warning',
      code: 'log_min_messages',
      message: `the role ${role} may not set log_min_messages, so each advance of a slot writes six lines to the server's log, and slots advance once a second at most: ${remedy}`,
    });
  }
  return findings;
}

function checkStandby(facts: PreconditionFacts): Finding[] {
  const findings: Finding[] = [];
  if (!facts.hotStandbyFeedback) {
    findings.push({
      severity: 'blocked',
      code: 'hot_standby_feedback',
      message:
        'hot_standby_feedback is off, so the primary may remove catalog rows that the slots need: ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf();',
    });
  }
  if (facts.primarySlotName === undefined) {
    findings.push({
      severity: 'blocked',
      code: 'primary_slot_name',
      message: `primary_slot_name is empty, so the feedback ends with the connection; upstream: SELECT pg_create_physical_replication_slot('<node>', true); here: ALTER SYSTEM SET primary_slot_name = '<node>'; SELECT pg_reload_conf();`,
    });
  }
  if (facts.usedReplicationSlots >= facts.maxReplicationSlots) {
    findings.push({
      severity: 'blocked',
      code: 'replication_slots_full',
      message: `all ${facts.maxReplicationSlots} replication slots of this server are taken: ALTER SYSTEM SET max_replication_slots = ${facts.maxReplicationSlots * 2}; then restart the server`,
    });
  }
  return findings;
}
