import { formatPosition } from './position-text.ts';
import { inRecovery, refusal } from './sqlstate.ts';
import { type Row, type ServerStatement, type StatementHandlers, textList } from './statement.ts';
import type { RunningTransaction } from './transactions.ts';

export const walStatements: StatementHandlers = {
  wal_end: ({ core }) => {
    if (core.inRecovery) {
      throw inRecovery('pg_current_wal_insert_lsn');
    }
    return [
      {
        insert_lsn: formatPosition(core.insertLsn),
        flush_lsn: formatPosition(core.flushLsn),
        replayed_lsn: core.recoveredUpTo === undefined ? null : formatPosition(core.recoveredUpTo),
        wal_file: core.timeline.toString(16).toUpperCase().padStart(8, '0').padEnd(24, '0'),
        next_xid: ageOfThree(core),
        server_started_at: core.startedAt,
      },
    ];
  },
  beyond_wal: ({ core }) =>
    [...core.slots.all].flatMap(({ name, type, temporary, confirmedFlush }) =>
      type === 'logical' && !temporary && confirmedFlush !== undefined && confirmedFlush > core.insertLsn
        ? [
            {
              slot_name: name,
              position: formatPosition(confirmedFlush),
              insert_lsn: formatPosition(core.insertLsn),
            },
          ]
        : [],
    ),
  wal_room: () => [{ room: String(1024 ** 3) }],
  may_switch_wal: () => [{ allowed: true }],
  switch_wal: ({ core }) => {
    if (core.inRecovery) {
      throw inRecovery('pg_switch_wal');
    }
    const message = core.write({ kind: 'message' }, 64);
    const end = core.write({ kind: 'switch' }, 24, { flush: true });
    return [
      { pg_logical_emit_message: formatPosition(message.end), pg_switch_wal: formatPosition(end.start) },
    ];
  },
  fill_wal: ({ core, values }) => {
    if (core.inRecovery) {
      throw refusal('XX000', 'cannot make new WAL entries during recovery', 'XLogBeginInsert');
    }
    const message = core.write({ kind: 'message' }, 64 + Number(values[0]), { flush: true });
    return [{ pg_logical_emit_message: formatPosition(message.end) }];
  },
  emit_message: emitMessage,
  log_standby_snapshot: ({ core }) => {
    if (core.inRecovery) {
      throw inRecovery('pg_log_standby_snapshot');
    }
    return [{ lsn: formatPosition(core.logRunning().end) }];
  },
  oldest_transaction: ({ core }) => {
    const [oldest] = core.transactions.running;
    return oldest === undefined ? [] : [openTransaction(oldest)];
  },
  prepared_transactions: ({ core, values }) =>
    core.transactions.prepared.slice(0, Number(values[0])).map(openTransaction),
  have_aborted: ({ core, values }) => {
    const xids = textList(values[0]);
    return [{ aborted: xids.every((xid) => core.transactions.statusOf(Number(xid)) === 'aborted') }];
  },
};

/** In a transaction of its own, whose commit flushes all WAL. */
function emitMessage({ core, session }: ServerStatement): readonly Row[] {
  if (core.inRecovery) {
    throw refusal('XX000', 'cannot assign TransactionIds during recovery', 'GetNewTransactionId');
  }
  const xid = core.transactions.nextXid;
  const database = session.databaseOid;
  const message = core.write({ kind: 'change', xid, rows: [], database }, 80);
  core.write({ kind: 'commit', xid, database, catalog: false }, 64, { flush: true });
  return [{ lsn: formatPosition(message.end), set_config: 'local' }];
}

function openTransaction({ xid, gid, since }: RunningTransaction): Row {
  return { xid: String(xid), pid: gid === undefined ? 1 : null, gid: gid ?? null, since };
}

/** `age('3'::xid)`. */
export function ageOfThree({ transactions }: ServerStatement['core']): number {
  return transactions.nextXid - 3;
}
