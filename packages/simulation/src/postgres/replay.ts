import type { ServerCore } from './core.ts';
import { changeSlot } from './slot.ts';
import { refusal } from './sqlstate.ts';
import { Transactions } from './transactions.ts';
import type { WalRecord } from './wal.ts';

/** Replays what a standby has received up to a count of records, and lets decoders read it. */
export function replayUpTo(core: ServerCore, count: number): void {
  for (; core.replayed < count; core.replayed += 1) {
    replayRecord(core, core.wal.at(core.replayed));
  }
  core.tellReaders();
}

/** What is known of transactions after the records that are flushed or replayed, as after a start. */
export function recallTransactions(core: ServerCore): void {
  const transactions = new Transactions(core.settings.firstXid);
  for (let index = 0; index < core.replayed; index += 1) {
    transactions.apply(core.wal.at(index), core.nowMs);
  }
  core.transactions = transactions;
}

function replayRecord(core: ServerCore, record: WalRecord): void {
  core.transactions.apply(record, core.nowMs);
  switch (record.kind) {
    case 'end_of_recovery':
      core.history = [...core.history, { timeline: core.timeline, end: record.start }];
      core.timeline = record.timeline;
      return;
    case 'checkpoint':
    case 'shutdown_checkpoint':
      core.replayedCheckpoint = core.replayed;
      return;
    case 'prune':
      replayPrune(core, record.horizon, record.database);
      return;
    case 'create_database':
    case 'rename_database':
      nameDatabase(core, record.oid, record.name);
      return;
    case 'drop_database':
      endDatabase(core, record.oid);
      return;
    case 'change':
    case 'commit':
    case 'abort':
    case 'prepare':
    case 'commit_prepared':
    case 'rollback_prepared':
    case 'running_xacts':
    case 'checkpoint_redo':
    case 'message':
    case 'switch':
      return;
  }
}

/**
 * `InvalidateObsoleteReplicationSlots` for removed rows: slots that need transactions up to the horizon are lost. One that is still in the making, or was made
 * before its pin had arrived upstream, may look healthy, and fail when it is decoded first.
 */
function replayPrune(core: ServerCore, horizon: number, database: number): void {
  for (const slot of core.slots.all) {
    const concerns = slot.type === 'logical' && (database === 0 || slot.databaseOid === database);
    if (!concerns || slot.catalogXmin === undefined || slot.catalogXmin > horizon) {
      continue;
    }
    if (
      slot.confirmedFlush === undefined &&
      core.world.chance(core.node, 'prune', slot.name, horizon) < 0.5
    ) {
      changeSlot(slot, { brokenCatalog: true });
    } else {
      changeSlot(slot, { invalidation: 'rows_removed', dirty: true });
      endHolder(core, slot.activePid, 'terminating connection due to conflict with recovery', '40001');
    }
  }
}

export function nameDatabase(core: ServerCore, oid: number, name: string): void {
  core.databases.set(oid, name);
  for (const slot of core.slots.all) {
    // Its row tells the name of its database.
    changeSlot(slot, {});
  }
}

/**
 * The sessions of a dropped database end, its slots go. A slot that a session of another database holds stops a standby: no work of slotcast may do
 * that, so it ends the run.
 */
export function endDatabase(core: ServerCore, oid: number): void {
  core.databases.delete(oid);
  const error = refusal(
    '57P04',
    'terminating connection due to conflict with recovery',
    'ProcessInterrupts',
    'FATAL',
  );
  for (const session of core.sessions) {
    if (session.databaseOid === oid) {
      session.terminate(error);
    }
  }
  for (const slot of core.slots.all) {
    if (slot.databaseOid === oid) {
      if (slot.activePid !== undefined) {
        throw new Error(`standby ${core.node} shuts down: slot ${slot.name} of a dropped database is in use`);
      }
      core.dropSlot(slot, undefined);
    }
  }
}

function endHolder(core: ServerCore, pid: number | undefined, message: string, code: string): void {
  for (const session of core.sessions) {
    if (session.pid === pid) {
      session.terminate(refusal(code, message, 'ProcessRecoveryConflictInterrupt', 'FATAL'));
    }
  }
}
