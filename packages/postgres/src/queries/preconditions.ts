import { emitMessageFunction, majorOf, type PreconditionFacts, supports } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';

interface PreconditionRow {
  readonly server_version: number;
  readonly role: string;
  readonly database: string;
  readonly has_replication: boolean;
  readonly has_monitor: boolean;
  readonly may_log_standby_snapshot: boolean;
  readonly may_silence_log: boolean;
  readonly may_emit_message: boolean;
  readonly in_recovery: boolean;
  readonly wal_level: string;
  readonly hot_standby_feedback: boolean;
  readonly primary_slot_name: string | null;
  readonly max_replication_slots: number;
  readonly used_replication_slots: number;
}

/** Reads all facts in one statement that any role may run. */
export async function readPreconditions(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<PreconditionFacts> {
  const maySilenceLog = supports(connection.major, 'parameterPrivileges')
    ? `has_parameter_privilege('log_min_messages', 'SET')`
    : 'r.rolsuper';
  const text = `
    select current_setting('server_version_num')::int as server_version,
           quote_ident(r.rolname) as role,
           quote_ident(current_database()) as database,
           r.rolreplication or r.rolsuper as has_replication,
           pg_has_role('pg_monitor', 'USAGE') as has_monitor,
           coalesce(has_function_privilege(to_regprocedure('pg_log_standby_snapshot()'), 'EXECUTE'), false)
             as may_log_standby_snapshot,
           ${maySilenceLog} as may_silence_log,
           has_function_privilege('${emitMessageFunction(connection.major)}', 'EXECUTE') as may_emit_message,
           pg_is_in_recovery() as in_recovery,
           current_setting('wal_level') as wal_level,
           current_setting('hot_standby_feedback')::bool as hot_standby_feedback,
           nullif(current_setting('primary_slot_name'), '') as primary_slot_name,
           current_setting('max_replication_slots')::int as max_replication_slots,
           (select count(*)::int from pg_replication_slots) as used_replication_slots
      from pg_roles as r
     where r.rolname = current_user`;
  const [row] = await connection.run<PreconditionRow>({ text }, { signal });
  if (row === undefined) {
    throw new Error('the current role is not in pg_roles');
  }
  return {
    major: majorOf(row.server_version),
    role: row.role,
    database: row.database,
    hasReplication: row.has_replication,
    hasMonitor: row.has_monitor,
    mayLogStandbySnapshot: row.may_log_standby_snapshot,
    maySilenceLog: row.may_silence_log,
    mayEmitMessage: row.may_emit_message,
    inRecovery: row.in_recovery,
    walLevel: row.wal_level,
    hotStandbyFeedback: row.hot_standby_feedback,
    primarySlotName: row.primary_slot_name ?? undefined,
    maxReplicationSlots: row.max_replication_slots,
    usedReplicationSlots: row.used_replication_slots,
  };
}
