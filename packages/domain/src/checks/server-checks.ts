import { supports } from '../vocabulary/server-version.ts';
import type { SlotState } from '../vocabulary/slot-state.ts';
import {
  createPhysicalSlot,
  grantExecute,
  setByReload,
  slotNameOf,
  usePhysicalSlot,
} from '../vocabulary/statements.ts';
import { type Check, failed, info, ok, orOk, warning } from './check.ts';
import type { CheckName } from './check-table.ts';
import { checkPreconditions, type PreconditionFacts } from './precondition-check.ts';

/** What decides whether a standby streams as it should. */
interface SeenReceiver {
  readonly status: string;
  readonly senderHost: string | undefined;
  readonly senderPort: number | undefined;
  /** Physical slot that is really in use. */
  readonly slotName: string | undefined;
}

/** What a server offers beyond its preconditions. */
interface ServerExtras {
  /** EXECUTE on `pg_switch_wal()`, in this database. */
  readonly maySwitchWal: boolean;
  /** 17+, on a standby. */
  readonly syncReplicationSlots: boolean;
  /** 17+, on a primary; absent where the server has no such setting. */
  readonly synchronizedStandbySlots: string | undefined;
}

/** What became of connecting to a database. */
export type DatabaseAttempt =
  | { readonly database: string; readonly outcome: 'connected' }
  | { readonly database: string; readonly outcome: 'not_tried' }
  | {
      readonly database: string;
      /** There is no such database; it cannot be had now; or it is closed to the role. */
      readonly outcome: 'gone' | 'unavailable' | 'refused';
      /** What the server said, or what kept it from answering. */
      readonly said: string;
      readonly remedy: string;
      readonly sqlState: string | undefined;
    };

/** The newest major version that slotcast was tested with. */
const NEWEST_MAJOR = 18;

/** Judges a server by the preconditions of both services, as each server can become a primary or a standby. */
export function checkServerPreconditions(facts: PreconditionFacts, node: string): readonly Check[] {
  const { role, inRecovery } = facts;
  const unmet = [
    ...checkPreconditions(facts, 'publisher'),
    ...checkPreconditions({ ...facts, inRecovery: true }, 'consumer'),
  ];
  // In a tie the consumer's word is the stricter one.
  const worst = new Map(
    unmet
      .toSorted((a, b) => Number(a.outcome === 'failed') - Number(b.outcome === 'failed'))
      .map((check) => [check.check, check]),
  );
  const judge = (check: CheckName, good: string): Check => {
    const found = worst.get(check);
    return found === undefined ? ok(check, good) : seenFromBothRoles(found, facts, node);
  };
  return [
    judgeVersion(facts, judge),
    judge('wal_level', 'wal_level is logical'),
    judge('role_replication', `${role} has REPLICATION`),
    judge('role_pg_monitor', `${role} has pg_monitor`),
    judge('role_standby_snapshot', `${role} may call pg_log_standby_snapshot()`),
    judge('role_emit_message', `${role} may call pg_logical_emit_message()`),
    judge('role_log_min_messages', `${role} may set log_min_messages`),
    judge('hot_standby_feedback', 'hot_standby_feedback is on'),
    ...(inRecovery ? [judge('primary_slot_name', `primary_slot_name is ${facts.primarySlotName}`)] : []),
  ];
}

function seenFromBothRoles(unmet: Check, { inRecovery }: PreconditionFacts, node: string): Check {
  const { check, message, stops } = unmet;
  const remedy = check === 'primary_slot_name' ? usePhysicalSlot(slotNameOf(node)) : unmet.remedy;
  // What only a standby needs does no harm before this server becomes one.
  return stops === 'slots' && !inRecovery ? warning(check, message, remedy) : { ...unmet, remedy };
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
  server: ServerExtras,
  slots: readonly SlotState[],
): readonly Check[] {
  const { role } = facts;
  const grant = grantExecute('pg_switch_wal()', facts);
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

function checkSlotSync(inRecovery: boolean, server: ServerExtras, slots: readonly SlotState[]): Check {
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
  receiver: SeenReceiver | undefined,
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
  const { said, remedy } = attempt;
  switch (attempt.outcome) {
    case 'gone':
      return [warning(check, `database ${database}, which has slots, is not here: ${said}`, remedy)];
    case 'unavailable':
      return [warning(check, `database ${database}, which has slots, is not to be had now: ${said}`, remedy)];
    case 'refused': {
      const message = `${role} does not get in to database ${database}, which has slots: ${said}`;
      const quoted = `"${database.replaceAll('"', '""')}"`;
      return [failed(check, message, databaseRemedy(attempt.sqlState, quoted, role) ?? remedy)];
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
