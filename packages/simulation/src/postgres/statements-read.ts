import { formatPosition } from './position-text.ts';
import { changedRows, type SlotRow, slotRow } from './slot-rows.ts';
import { refusal } from './sqlstate.ts';
import {
  type Answer,
  type Row,
  type ServerStatement,
  type StatementHandlers,
  textList,
} from './statement.ts';
import { ageOfThree } from './statements-wal.ts';
import { SEGMENT_BYTES } from './wal.ts';

/** What `server_version_num` is on all servers of the simulation. */
export const SERVER_VERSION = 180_004;
/** How often the server looks for the end of its recovery, and how long one watch takes where nothing happens. */
const LOOK_MS = 5;
const WATCH_MS = 80;
const IDLE_WATCH_MS = 2_000;

function hex(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}

/** Name of the WAL file that holds a position. */
function walFile(timeline: number, position: number): string {
  return `${hex(timeline)}${segmentName(position)}`;
}

function segmentName(position: number): string {
  return `${hex(Math.floor(position / 2 ** 32))}${hex(Math.floor((position % 2 ** 32) / SEGMENT_BYTES))}`;
}

function streamedTimeline({ core, receiver }: ServerStatement): number | null {
  return core.inRecovery && receiver.isStreaming ? receiver.receivedTimeline : null;
}

/** Without what would show that it was shut down in an orderly way: the twin's WAL has no bytes to be read. */
function streamedReceiver(statement: ServerStatement): Row | null {
  const timeline = streamedTimeline(statement);
  return timeline === null ? null : { process_id: 1, timeline };
}

function remembered({ values }: ServerStatement) {
  const [hashes, last] = values;
  return { hashes: Buffer.isBuffer(hashes) ? hashes : Buffer.alloc(0), last: Number(last) };
}

export const readStatements: StatementHandlers = {
  session_database: ({ core, session }) => [
    { oid: session.databaseOid, name: core.databases.get(session.databaseOid) ?? '' },
  ],
  database_name: ({ core, values }) => {
    const name = core.databases.get(Number(values[0]));
    return name === undefined ? [] : [{ name }];
  },
  database_oid: ({ core, values }) =>
    [...core.databases].filter(([, name]) => name === values[0]).map(([oid]) => ({ oid })),
  list_databases: ({ core }) => [...core.databases.values()].toSorted().map((name) => ({ name })),
  database_exists: ({ core, values }) =>
    [...core.databases.values()].filter((name) => name === values[0]).map((name) => ({ name })),
  silence_log: ({ core }) => {
    if (!core.settings.maySilenceLog) {
      throw refusal('42501', 'permission denied to set parameter "log_min_messages"', 'set_config_option');
    }
    return [];
  },
  plugin_libraries: () => [{ libraries: null }],
  /** The twin has no files. */
  may_read_files: () => [{ may: false }],
  preconditions: ({ core, session }) => [
    {
      server_version: SERVER_VERSION,
      role: session.user,
      database: core.databases.get(session.databaseOid) ?? '',
      has_replication: true,
      has_monitor: true,
      may_log_standby_snapshot: true,
      may_emit_message: true,
      may_silence_log: core.settings.maySilenceLog,
      in_recovery: core.inRecovery,
      wal_level: 'logical',
      hot_standby_feedback: core.settings.hotStandbyFeedback,
      primary_slot_name: core.node,
      max_replication_slots: core.settings.maxReplicationSlots,
      used_replication_slots: core.slots.all.length,
    },
  ],
  server_identity: ({ core }) => [
    {
      system_identifier: core.systemIdentifier,
      server_version: SERVER_VERSION,
      server_started_at: core.startedAt,
    },
  ],
  identify_system: ({ core, session }) => [
    {
      systemid: core.systemIdentifier,
      timeline: String(core.timeline),
      xlogpos: formatPosition(core.inRecovery ? core.wal.end : core.flushLsn),
      dbname: core.databases.get(session.databaseOid) ?? null,
    },
  ],
  timeline_history: (statement) => [timelineHistory(statement)],
  is_in_recovery: ({ core }) => [{ in_recovery: core.inRecovery }],
  replay_lsn: ({ core }) => [{ replay_lsn: core.inRecovery ? formatPosition(core.replayLsn) : null }],
  streamed_timeline: (statement) => {
    const received_tli = streamedTimeline(statement);
    return received_tli === null ? [] : [{ received_tli }];
  },
  observe_primary: (statement) => {
    const { core } = statement;
    return changedRows(core, remembered(statement), {
      in_recovery: core.inRecovery,
      flush_lsn: core.inRecovery ? null : formatPosition(core.flushLsn),
      insert_lsn: core.inRecovery ? null : formatPosition(core.insertLsn),
      wal_file: core.inRecovery ? null : walFile(core.timeline, core.flushLsn),
    });
  },
  observe_standby: (statement) => {
    const { core } = statement;
    return changedRows(core, remembered(statement), {
      in_recovery: core.inRecovery,
      replay_lsn: formatPosition(core.replayLsn),
      receive_lsn: formatPosition(core.wal.end),
    });
  },
  standby_settings: (statement) => [standbySettings(statement)],
  oldest_wal: ({ core }) => [{ segment: segmentName(core.oldestWal), segment_bytes: String(SEGMENT_BYTES) }],
  watch_recovery: watchRecovery,
  leading_slots: ({ core }) =>
    core.inRecovery
      ? []
      : core.slots.all
          .filter(({ type, temporary }) => type === 'logical' && !temporary)
          .map((slot) => slotRow(core, slot)),
  existing_slots: ({ core, values }) => {
    const wanted = textList(values[0]);
    return core.slots.all
      .filter(({ name }) => wanted.includes(name))
      .map(({ name }) => ({ slot_name: name }));
  },
  slot_database: ({ core, values }) => {
    const slot = core.slots.find(String(values[0]));
    return slot === undefined ? [] : [{ datoid: slot.databaseOid ?? null }];
  },
  read_moves: ({ core, text }) =>
    core.slots.all
      .filter(({ name, confirmedFlush }) => confirmedFlush !== undefined && text.includes(`'${name}'`))
      .map(({ name, confirmedFlush }) => ({
        slot_name: name,
        confirmed_flush_lsn: formatPosition(confirmedFlush ?? 0),
      })),
  free_walsenders: ({ core }) => [{ free: core.settings.maxWalSenders - core.walsenders }],
};

function timelineHistory({ core, text }: ServerStatement) {
  const wanted = Number(text.split(' ').at(-1));
  const known = [...core.history.map(({ timeline }) => timeline), core.timeline];
  if (!known.includes(wanted)) {
    throw refusal(
      '58P01',
      `could not open file "pg_wal/${hex(wanted)}.history": No such file or directory`,
      'SendTimeLineHistory',
    );
  }
  const lines = core.history
    .filter(({ timeline }) => timeline < wanted)
    .map(({ timeline, end }) => `${timeline}\t${formatPosition(end)}\tno recovery target specified\n`);
  return { filename: `${hex(wanted)}.history`, content: Buffer.from(lines.join('\n')) };
}

function standbySettings(statement: ServerStatement): SlotRow {
  const { core, receiver } = statement;
  const received = streamedTimeline(statement);
  const isStreaming = received !== null;
  return {
    wal_level: 'logical',
    hot_standby_feedback: core.settings.hotStandbyFeedback,
    primary_slot_name: core.node,
    max_replication_slots: core.settings.maxReplicationSlots,
    sync_replication_slots: false,
    replay_paused: core.inRecovery && core.replayPaused,
    slot_keep: String(core.settings.maxSlotWalKeepBytes ?? -1),
    keep: String(core.settings.walKeepBytes),
    idle_timeout: 0,
    status: isStreaming ? 'streaming' : null,
    sender_host: isStreaming ? (receiver.upstream?.node ?? null) : null,
    sender_port: isStreaming ? 5432 : null,
    slot_name: isStreaming ? core.node : null,
    received_tli: received,
  };
}

/** What the last look of a session has told. */
const lastLooks = new WeakMap<object, string>();

/**
 * Tells what was so when it began. It takes its 80 ms. Where it has nothing new to tell, and nothing changes meanwhile, it takes two seconds instead: the
 * watcher only keeps the last look, so it is in the same state after one long look as after many short ones.
 */
function watchRecovery(statement: ServerStatement): Answer {
  const { core, session } = statement;
  const { world } = core;
  const seen = {
    replay_lsn: formatPosition(core.replayLsn),
    next_xid: ageOfThree(core),
    scanned_to: String(core.transactions.nextXid),
    open_xids: core.transactions.runningXids.map(String),
    receiver: streamedReceiver(statement),
  };
  if (!core.inRecovery) {
    return [{ recovering: false, ...seen }];
  }
  const told = JSON.stringify(seen);
  const isNews = lastLooks.get(session) !== told;
  lastLooks.set(session, told);
  const pending = world.pending<readonly Row[]>();
  const began = world.now;
  const end = (): void => {
    core.readers.delete(look);
    pending.settle([{ recovering: core.inRecovery, ...seen }]);
  };
  let timer = world.after(isNews ? WATCH_MS : IDLE_WATCH_MS, end);
  const look = (): void => {
    timer.cancel();
    timer = world.after(core.inRecovery ? Math.max(0, began + WATCH_MS - world.now) : LOOK_MS, end);
  };
  core.readers.add(look);
  statement.onCancel((error) => {
    core.readers.delete(look);
    timer.cancel();
    pending.fail(error);
  });
  return pending;
}
