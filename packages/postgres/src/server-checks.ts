import {
  type Check,
  type CheckName,
  createPhysicalSlot,
  failed,
  info,
  ok,
  orOk,
  type SlotState,
  setByReload,
  slotNameOf,
  usePhysicalSlot,
  warning,
} from '@slotcast/domain';
import type { DatabaseAttempt } from './connection/database-attempts.ts';
import { classifyPostgresError, describePostgresError } from './connection/postgres-error.ts';
import { checkPreconditions, type Finding, type FindingCode } from './precondition-check.ts';
import type { PreconditionFacts } from './queries/preconditions.ts';
import type { ServerFacts } from './queries/server-facts.ts';
import type { WalReceiver } from './queries/standby-settings.ts';
import { supports } from './server-version.ts';

/** The newest major version that slotcast was tested with. */
const NEWEST_MAJOR = 18;

/** The check that tells of a finding. Of free slots one tells that knows how many are needed. */
const checkOf = {
  server_unsupported: 'server_version',
  wal_level: 'wal_level',
  replication_missing: 'role_replication',
  pg_monitor_missing: 'role_pg_monitor',
  standby_snapshot_denied: 'role_standby_snapshot',
  log_min_messages: 'role_log_min_messages',
  hot_standby_feedback: 'hot_standby_feedback',
  primary_slot_name: 'primary_slot_name',
  replication_slots_full: 'max_replication_slots',
} as const satisfies Record<FindingCode, CheckName>;

/** Judges a server by the preconditions of both services, as each server can become a primary or a standby. */
export function checkServerPreconditions(facts: PreconditionFacts, node: string): readonly Check[] {
  const { role, inRecovery } = facts;
  const findings = [
    ...checkPreconditions(facts, 'publisher'),
    ...checkPreconditions({ ...facts, inRecovery: true }, 'consumer'),
  ];
  // In a tie the consumer's word is the stricter one.
  const worst = new Map<CheckName, Finding>(
    findings
      .toSorted((a, b) => Number(a.severity !== 'warning') - Number(b.severity !== 'warning'))
      .map((finding) => [checkOf[finding.code], finding]),
  );
  const judge = (check: CheckName, good: string): Check => {
    const finding = worst.get(check);
    return finding === undefined ? ok(check, good) : checkOfFinding(check, finding, facts, node);
  };
  return [
    judgeVersion(facts, judge),
    judge('wal_level', 'wal_level is logical'),
    judge('role_replication', `${role} has REPLICATION`),
    judge('role_pg_monitor', `${role} has pg_monitor`),
    judge('role_standby_snapshot', `${role} may call pg_log_standby_snapshot()`),
    judge('role_log_min_messages', `${role} may set log_min_messages`),
    judge('hot_standby_feedback', 'hot_standby_feedback is on'),
    ...(inRecovery ? [judge('primary_slot_name', `primary_slot_name is ${facts.primarySlotName}`)] : []),
  ];
}

function checkOfFinding(
  check: CheckName,
  { severity, code, fact, remedy }: Finding,
  { inRecovery }: PreconditionFacts,
  node: string,
): Check {
  const own = code === 'primary_slot_name' ? usePhysicalSlot(slotNameOf(node)) : remedy;
  // What only a standby needs does no harm before this server becomes one.
  const harmless = severity === 'warning' || (severity === 'blocked' && !inRecovery);
  return harmless ? warning(check, fact, own) : failed(check, fact, own);
}

function judgeVersion({ major }: PreconditionFacts, judge: (check: CheckName, good: string) => Check): Check {
  if (major > NEWEST_MAJOR) {
    const message = `PostgreSQL ${major} is newer than what slotcast was tested with`;
    return warning('server_version', message, `see whether a newer slotcast names PostgreSQL ${major}`);
  }
  return judge('server_version', `PostgreSQL ${major}`);
}

/** Says what could be had besides, and judges what PostgreSQL's own slot synchronisation does. */
export function checkServerExtras(
  facts: PreconditionFacts,
  server: ServerFacts,
  slots: readonly SlotState[],
): readonly Check[] {
  const { role, database } = facts;
  const grant = `/* on the primary, in database ${database} */ GRANT EXECUTE ON FUNCTION pg_switch_wal() TO ${role};`;
  const switching = server.maySwitchWal
    ? ok('role_switch_wal', `${role} may call pg_switch_wal()`)
    : info(
        'role_switch_wal',
        `${role} may not call pg_switch_wal(), which would make the fence at a promotion cheaper`,
        grant,
      );
  return supports(facts.major, 'slotSync')
    ? [switching, checkSlotSync(facts.inRecovery, server, slots)]
    : [switching];
}

function checkSlotSync(inRecovery: boolean, server: ServerFacts, slots: readonly SlotState[]): Check {
  const check = 'slot_synchronisation';
  if (inRecovery) {
    return server.syncReplicationSlots
      ? info(check, 'sync_replication_slots is on: slots with failover are left to PostgreSQL itself')
      : ok(check, 'sync_replication_slots is off: slotcast keeps all slots');
  }
  const following = slots.filter((slot) => slot.type === 'logical' && slot.failover);
  if ((server.synchronizedStandbySlots ?? '') !== '') {
    return ok(check, `consumers of slots with failover wait for ${server.synchronizedStandbySlots}`);
  }
  if (following.length === 0) {
    return ok(check, 'no slot has failover');
  }
  const names = following.map(({ name }) => name).join(', ');
  const standbys = slots.filter((slot) => slot.type === 'physical').map(({ name }) => `'${name}'`);
  const remedy = standbys.length === 0 ? '' : setByReload('synchronized_standby_slots', standbys.join(', '));
  const message = `synchronized_standby_slots is empty: consumers of ${names} can get ahead of the standbys`;
  return info(check, message, remedy);
}

/** Judges whether a standby receives WAL. */
export function checkStreaming(
  primarySlotName: string | undefined,
  receiver: WalReceiver | undefined,
): Check {
  const upstream = `${receiver?.senderHost}:${receiver?.senderPort}`;
  if (receiver?.status === 'streaming') {
    const through = receiver.slotName === undefined ? 'without a slot' : `through ${receiver.slotName}`;
    const message = `streams from ${upstream} ${through}`;
    if (receiver.slotName === primarySlotName) {
      return ok('streaming', message);
    }
    const remedy = 'SELECT pg_reload_conf(); /* the receiver then starts anew; else restart the server */';
    return failed(
      'streaming',
      `${message}, although primary_slot_name is ${primarySlotName ?? 'empty'}`,
      remedy,
    );
  }
  const slot =
    primarySlotName === undefined
      ? ''
      : `/* upstream, if it is missing */ ${createPhysicalSlot(primarySlotName)} `;
  const remedy = `${slot}/* else see primary_conninfo and the server's log */`;
  return failed('streaming', 'receives no WAL: nothing is being streamed', remedy);
}

/** Judges whether the role gets to the slots in these databases, as each is only touched from its own database. */
export function checkDatabases(attempts: readonly DatabaseAttempt[], role: string): readonly Check[] {
  const found = attempts.flatMap((attempt) => judgeAttempt(attempt, role));
  const names = attempts.map(({ database }) => database).join(', ');
  const good = names === '' ? 'no database has slots' : `lets ${role} in to ${names}`;
  return orOk(found, 'database_connect', good);
}

function judgeAttempt(attempt: DatabaseAttempt, role: string): Check[] {
  const check = 'database_connect';
  const { database } = attempt;
  if (attempt.outcome === 'connected') {
    return [];
  }
  if (attempt.outcome === 'not_tried') {
    const message = `there was no time to connect to database ${database}, which has slots`;
    return [warning(check, message, 'see what keeps the server busy, and ask again')];
  }
  const { class: kind, code, remedy } = classifyPostgresError(attempt.error);
  const said = describePostgresError(attempt.error);
  switch (kind) {
    case 'stale':
      return [warning(check, `database ${database}, which has slots, is not here: ${said}`, remedy)];
    case 'retry':
    case 'cancelled':
      return [warning(check, `database ${database}, which has slots, is not to be had now: ${said}`, remedy)];
    case 'blocked':
    case 'fatal':
    case 'unexpected': {
      const message = `${role} does not get in to database ${database}, which has slots: ${said}`;
      return [
        failed(check, message, databaseRemedy(code, `"${database.replaceAll('"', '""')}"`, role) ?? remedy),
      ];
    }
  }
}

/** The statement or the line that lets the role in. */
function databaseRemedy(sqlState: string | undefined, database: string, role: string): string | undefined {
  if (sqlState === '42501') {
    return `/* on the primary */ GRANT CONNECT ON DATABASE ${database} TO ${role};`;
  }
  if (sqlState === '55000') {
    return `/* on the primary */ ALTER DATABASE ${database} ALLOW_CONNECTIONS true;`;
  }
  return sqlState === '28000'
    ? `in the server's pg_hba.conf: host  ${database}  ${role}  <address that slotcast comes from>/32  scram-sha-256; then: SELECT pg_reload_conf();`
    : undefined;
}
