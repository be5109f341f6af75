import { supports } from '../vocabulary/server-version.ts';
import { emitMessageFunction, grantExecute, usePhysicalSlot } from '../vocabulary/statements.ts';
import { type Check, failed, type Stopped, warning } from './check.ts';
import type { CheckName } from './check-table.ts';

/** Which of the two services asks. */
export type ServiceRole = 'publisher' | 'consumer';

/** What decides whether slotcast can do its work on a server with this role. */
export interface PreconditionFacts {
  readonly major: number;
  /** Name of the role, quoted for use in a statement where that is needed. */
  readonly role: string;
  readonly database: string;
  readonly hasReplication: boolean;
  readonly hasMonitor: boolean;
  /** EXECUTE on `pg_log_standby_snapshot()`, in this database; false also where there is no such function. */
  readonly mayLogStandbySnapshot: boolean;
  readonly maySilenceLog: boolean;
  /** EXECUTE on `pg_logical_emit_message()` for text, in this database. */
  readonly mayEmitMessage: boolean;
  readonly inRecovery: boolean;
  readonly walLevel: string;
  readonly hotStandbyFeedback: boolean;
  readonly primarySlotName: string | undefined;
  readonly maxReplicationSlots: number;
  readonly usedReplicationSlots: number;
}

/** The oldest major version whose slots can be published. */
const OLDEST_MAJOR = 13;

/** All preconditions that are not met for this service, the worst first: those that stop it, then those that stop its slots. */
export function checkPreconditions(facts: PreconditionFacts, service: ServiceRole): readonly Check[] {
  const unmet = [...checkServer(facts, service), ...checkRole(facts, service)];
  if (service === 'consumer' && facts.inRecovery) {
    unmet.push(...checkStandby(facts));
  }
  return unmet.toSorted((a, b) => rankOf(a) - rankOf(b));
}

function checkServer(facts: PreconditionFacts, service: ServiceRole): Check[] {
  const unmet: Check[] = [];
  const supported =
    facts.major >= OLDEST_MAJOR && (service === 'publisher' || supports(facts.major, 'decodingOnStandby'));
  if (!supported) {
    const fact = `the server is PostgreSQL ${facts.major}, on which a ${service} cannot work`;
    const remedy = `a publisher needs ${OLDEST_MAJOR}, a consumer 16 or later`;
    unmet.push(stopping('service', 'server_version', fact, remedy));
  }
  if (facts.walLevel !== 'logical') {
    const fact = `wal_level is ${facts.walLevel}, so there can be no logical slots`;
    const remedy = `ALTER SYSTEM SET wal_level = 'logical'; /* then restart the server */`;
    unmet.push(stopping('service', 'wal_level', fact, remedy));
  }
  return unmet;
}

function checkRole(facts: PreconditionFacts, service: ServiceRole): Check[] {
  const { role } = facts;
  const unmet: Check[] = [];
  if (!facts.hasReplication) {
    const fact = `the role ${role} may not use replication slots`;
    const remedy = `/* on the primary */ ALTER ROLE ${role} REPLICATION;`;
    unmet.push(stopping('service', 'role_replication', fact, remedy));
  }
  if (!facts.hasMonitor) {
    const fact = `the role ${role} may not see the state of replication`;
    const remedy = `/* on the primary */ GRANT pg_monitor TO ${role};`;
    unmet.push(
      service === 'consumer'
        ? stopping('service', 'role_pg_monitor', fact, remedy)
        : warning('role_pg_monitor', fact, remedy),
    );
  }
  if (service === 'publisher' && supports(facts.major, 'decodingOnStandby') && !facts.mayLogStandbySnapshot) {
    const fact = `the role ${role} may not log running transactions, for which standbys wait when they make a slot`;
    const remedy = grantExecute('pg_log_standby_snapshot()', facts);
    unmet.push(stopping('service', 'role_standby_snapshot', fact, remedy));
  }
  if (!facts.mayEmitMessage) {
    unmet.push(judgeEmitMessage(facts, service));
  }
  if (service === 'consumer' && !facts.maySilenceLog) {
    const fact = `the role ${role} may not set log_min_messages, so each move of a slot writes five lines to the server's log, and slots are moved once a second at most`;
    const remedy = supports(facts.major, 'parameterPrivileges')
      ? `/* on the primary */ GRANT SET ON PARAMETER log_min_messages TO ${role};`
      : 'that takes a superuser before PostgreSQL 15';
    unmet.push(warning('role_log_min_messages', fact, remedy));
  }
  return unmet;
}

/** A consumer needs it only when its server is promoted, and then makes what is ahead safe without it. */
function judgeEmitMessage(facts: PreconditionFacts, service: ServiceRole): Check {
  const fact = `the role ${facts.role} may not write messages to WAL, which ${
    service === 'publisher'
      ? 'slotcast does to flush what standbys wait for'
      : 'makes the fence at a promotion: slots that it would cover are quarantined instead, and the hand-off cannot end'
  }`;
  const remedy = grantExecute(emitMessageFunction(facts.major), facts);
  return service === 'publisher'
    ? stopping('service', 'role_emit_message', fact, remedy)
    : warning('role_emit_message', fact, remedy);
}

function checkStandby(facts: PreconditionFacts): Check[] {
  const unmet: Check[] = [];
  if (!facts.hotStandbyFeedback) {
    const fact = 'hot_standby_feedback is off, so the primary may remove catalog rows that the slots need';
    const remedy = 'ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf();';
    unmet.push(stopping('slots', 'hot_standby_feedback', fact, remedy));
  }
  if (facts.primarySlotName === undefined) {
    const fact = 'primary_slot_name is empty, so the feedback ends with the connection';
    const remedy = usePhysicalSlot('<node>');
    unmet.push(stopping('slots', 'primary_slot_name', fact, remedy));
  }
  if (facts.usedReplicationSlots >= facts.maxReplicationSlots) {
    const fact = `all ${facts.maxReplicationSlots} replication slots of this server are taken`;
    const remedy = `ALTER SYSTEM SET max_replication_slots = ${facts.maxReplicationSlots * 2}; /* then restart the server */`;
    unmet.push(stopping('slots', 'max_replication_slots', fact, remedy));
  }
  return unmet;
}

function stopping(stops: Stopped, check: CheckName, message: string, remedy: string): Check {
  return { ...failed(check, message, remedy), stops };
}

function rankOf({ stops }: Check): number {
  return stops === 'service' ? 0 : stops === 'slots' ? 1 : 2;
}
