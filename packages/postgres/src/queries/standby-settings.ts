import { type SlotLimits, type Timeline, timeline } from '@slotcast/domain';
import type { PostgresConnection } from '../connection/connection.ts';

/** Settings of a standby that decide what slotcast can do there, and where it streams from. */
export interface StandbySettings {
  readonly walLevel: string;
  readonly hotStandbyFeedback: boolean;
  /** Physical slot upstream; absent when none is configured. */
  readonly primarySlotName: string | undefined;
  readonly maxReplicationSlots: number;
  /** PostgreSQL's own slot synchronisation (17+). */
  readonly syncReplicationSlots: boolean;
  readonly replayPaused: boolean;
  readonly slotLimits: SlotLimits;
  /** Absent when nothing is being streamed. */
  readonly walReceiver: WalReceiver | undefined;
}

/** The row of `pg_stat_wal_receiver`. */
export interface WalReceiver {
  readonly status: string;
  readonly senderHost: string | undefined;
  readonly senderPort: number | undefined;
  /** Physical slot that is really in use. */
  readonly slotName: string | undefined;
  readonly receivedTimeline: Timeline | undefined;
}

interface StandbySettingsRow {
  readonly wal_level: string;
  readonly hot_standby_feedback: boolean;
  readonly primary_slot_name: string | null;
  readonly max_replication_slots: number;
  readonly sync_replication_slots: boolean;
  readonly replay_paused: boolean;
  /** Bytes, -1 for no limit. */
  readonly slot_keep: string;
  readonly keep: string;
  /** Milliseconds, 0 for none; null before 18. */
  readonly idle_timeout: number | null;
  readonly status: string | null;
  readonly sender_host: string | null;
  readonly sender_port: number | null;
  readonly slot_name: string | null;
  readonly received_tli: number | null;
}

/** Reads the settings and the state of the WAL receiver, whose columns need pg_monitor. */
export async function readStandbySettings(
  connection: PostgresConnection,
  signal?: AbortSignal,
): Promise<StandbySettings> {
  const text = `
    select current_setting('wal_level') as wal_level,
           current_setting('hot_standby_feedback')::bool as hot_standby_feedback,
           nullif(current_setting('primary_slot_name'), '') as primary_slot_name,
           current_setting('max_replication_slots')::int as max_replication_slots,
           coalesce(current_setting('sync_replication_slots', true)::bool, false) as sync_replication_slots,
           case when pg_is_in_recovery() then pg_is_wal_replay_paused() else false end as replay_paused,
           pg_size_bytes(current_setting('max_slot_wal_keep_size'))::text as slot_keep,
           pg_size_bytes(current_setting('wal_keep_size'))::text as keep,
           (extract(epoch from current_setting('idle_replication_slot_timeout', true)::interval) * 1000)::float8
             as idle_timeout,
           r.status, r.sender_host, r.sender_port, nullif(r.slot_name, '') as slot_name, r.received_tli
      from (select) as server
      left join pg_stat_wal_receiver as r on true`;
  const [row] = await connection.run<StandbySettingsRow>(
    { name: 'slotcast_standby_settings', text },
    { signal },
  );
  if (row === undefined) {
    throw new Error('reading the settings of the standby returned no row');
  }
  return {
    walLevel: row.wal_level,
    hotStandbyFeedback: row.hot_standby_feedback,
    primarySlotName: row.primary_slot_name ?? undefined,
    maxReplicationSlots: row.max_replication_slots,
    syncReplicationSlots: row.sync_replication_slots,
    replayPaused: row.replay_paused,
    slotLimits: slotLimits(row),
    walReceiver: walReceiver(row),
  };
}

/** WAL that `wal_keep_size` keeps is kept for slots as well (`KeepLogSeg`). */
function slotLimits({ slot_keep, keep, idle_timeout }: StandbySettingsRow): SlotLimits {
  const slotKeep = BigInt(slot_keep);
  const most = slotKeep > BigInt(keep) ? slotKeep : BigInt(keep);
  return {
    keepBytes: slotKeep < 0n ? undefined : most,
    idleTimeoutMs: idle_timeout === null || idle_timeout === 0 ? undefined : idle_timeout,
  };
}

function walReceiver(row: StandbySettingsRow): WalReceiver | undefined {
  if (row.status === null) {
    return undefined;
  }
  return {
    status: row.status,
    senderHost: row.sender_host ?? undefined,
    senderPort: row.sender_port ?? undefined,
    slotName: row.slot_name ?? undefined,
    receivedTimeline: row.received_tli === null ? undefined : timeline(row.received_tli),
  };
}
