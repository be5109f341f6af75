import { usePhysicalSlot } from '@slotcast/domain';
import type { PreconditionFacts } from './queries/preconditions.ts';
import { supports } from './server-version.ts';

/** Which of the two services asks. */
export type ServiceRole = 'publisher' | 'consumer';

/**
 * `fatal`: a restart will not fix it, so the service ends (exit code 78). `blocked`: the service runs, and its slots are not ready.
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
  /** What is wrong. */
  readonly fact: string;
  /** The exact statements that fix it; their comments say where to run them. */
  readonly remedy: string;
  /** Both in one line. */
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
    const fact = `the server is PostgreSQL ${facts.major}, on which a ${service} cannot work`;
    const remedy = `a publisher needs ${OLDEST_MAJOR}, a consumer 16 or later`;
    findings.push(finding('fatal', 'server_unsupported', { fact, remedy }));
  }
  if (facts.walLevel !== 'logical') {
    const fact = `wal_level is ${facts.walLevel}, so there can be no logical slots`;
    const remedy = `ALTER SYSTEM SET wal_level = 'logical'; /* then restart the server */`;
    findings.push(finding('fatal', 'wal_level', { fact, remedy }));
  }
  return findings;
}

function checkRole(facts: PreconditionFacts, service: ServiceRole): Finding[] {
  const { role } = facts;
  const findings: Finding[] = [];
  if (!facts.hasReplication) {
    const fact = `the role ${role} may not use replication slots`;
    const remedy = `/* on the primary */ ALTER ROLE ${role} REPLICATION;`;
    findings.push(finding('fatal', 'replication_missing', { fact, remedy }));
  }
  if (!facts.hasMonitor) {
    const fact = `the role ${role} may not see the state of replication`;
    const remedy = `/* on the primary */ GRANT pg_monitor TO ${role};`;
    const severity = service === 'consumer' ? 'fatal' : 'warning';
    findings.push(finding(severity, 'pg_monitor_missing', { fact, remedy }));
  }
  if (service === 'publisher' && supports(facts.major, 'decodingOnStandby') && !facts.mayLogStandbySnapshot) {
    const fact = `the role ${role} may not log running transactions, for which standbys wait when they make a slot`;
    const remedy = `/* on the primary, in database ${facts.database} */ GRANT EXECUTE ON FUNCTION pg_log_standby_snapshot() TO ${role};`;
    findings.push(finding('fatal', 'standby_snapshot_denied', { fact, remedy }));
  }
  if (service === 'consumer' && !facts.maySilenceLog) {
    const fact = `the role ${role} may not set log_min_messages, so each move of a slot writes five lines to the server's log, and slots are moved once a second at most`;
    const remedy = supports(facts.major, 'parameterPrivileges')
      ? `/* on the primary */ GRANT SET ON PARAMETER log_min_messages TO ${role};`
      : 'that takes a superuser before PostgreSQL 15';
    findings.push(finding('warning', 'log_min_messages', { fact, remedy }));
  }
  return findings;
}

function checkStandby(facts: PreconditionFacts): Finding[] {
  const findings: Finding[] = [];
  if (!facts.hotStandbyFeedback) {
    const fact = 'hot_standby_feedback is off, so the primary may remove catalog rows that the slots need';
    const remedy = 'ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf();';
    findings.push(finding('blocked', 'hot_standby_feedback', { fact, remedy }));
  }
  if (facts.primarySlotName === undefined) {
    const fact = 'primary_slot_name is empty, so the feedback ends with the connection';
    const remedy = usePhysicalSlot('<node>');
    findings.push(finding('blocked', 'primary_slot_name', { fact, remedy }));
  }
  if (facts.usedReplicationSlots >= facts.maxReplicationSlots) {
    const fact = `all ${facts.maxReplicationSlots} replication slots of this server are taken`;
    const remedy = `ALTER SYSTEM SET max_replication_slots = ${facts.maxReplicationSlots * 2}; /* then restart the server */`;
    findings.push(finding('blocked', 'replication_slots_full', { fact, remedy }));
  }
  return findings;
}

function finding(
  severity: FindingSeverity,
  code: FindingCode,
  { fact, remedy }: Pick<Finding, 'fact' | 'remedy'>,
): Finding {
  return { severity, code, fact, remedy, message: `${fact}: ${remedy}` };
}
