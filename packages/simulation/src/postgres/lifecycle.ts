import type { ServerCore } from './core.ts';
import type { Receiver } from './receiver.ts';
import { recallTransactions, replayUpTo } from './replay.ts';
import { changeSlot } from './slot.ts';
import { sessionTerminated } from './sqlstate.ts';

/** The longest that the first checkpoint after a promotion takes. */
const FIRST_CHECKPOINT_MS = 3_000;

export function startServer(core: ServerCore, receiver: Receiver): void {
  if (core.running) {
    return;
  }
  core.life += 1;
  core.running = true;
  core.startedAt = core.nowMs;
  core.replayPaused = false;
  core.recoveredUpTo = undefined;
  recallTransactions(core);
  if (core.isCrashed && !core.inRecovery) {
    core.recoveredUpTo = core.wal.end;
    core.write({ kind: 'shutdown_checkpoint' }, 120, { flush: true });
  }
  core.isCrashed = false;
  beginBackground(core);
  receiver.begin();
  core.tellStreamers();
}

/** As by `pg_ctl stop -m fast`. */
export function stopServer(core: ServerCore, receiver: Receiver): void {
  if (!core.running) {
    return;
  }
  endSessions(core, sessionTerminated());
  if (core.inRecovery) {
    restartpoint(core, { isShutdown: true });
    core.minRecovery = core.replayed;
  } else {
    for (const { xid, gid } of core.transactions.running) {
      if (gid === undefined) {
        core.write({ kind: 'abort', xid }, 64);
      }
    }
    core.saveSlots({ isShutdown: true });
    core.write({ kind: 'shutdown_checkpoint' }, 120, { flush: true });
    for (const streamer of core.streamers) {
      streamer.finish();
    }
  }
  goDown(core, receiver);
}

/** As by SIGKILL of all its processes: what was not on disk is lost. */
export function crashServer(core: ServerCore, receiver: Receiver): void {
  if (!core.running) {
    return;
  }
  core.isCrashed = true;
  endSessions(core, Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
  if (core.inRecovery) {
    const gained = core.replayed - core.minRecovery;
    core.replayed =
      core.minRecovery + Math.floor(core.world.chance(core.node, 'crash', core.life) * (gained + 1));
    core.forgetTimelines();
  } else {
    core.wal.cut(core.flushed);
  }
  goDown(core, receiver);
}

function goDown(core: ServerCore, receiver: Receiver): void {
  core.running = false;
  core.life += 1;
  core.slots.reload(core.nowMs);
  receiver.end();
  core.tellStreamers();
}

/** All that was received is replayed, and a new timeline begins. */
export function promoteServer(core: ServerCore, receiver: Receiver): void {
  if (!core.running || !core.inRecovery) {
    return;
  }
  core.replayPaused = false;
  receiver.follow(undefined);
  receiver.end();
  replayUpTo(core, core.wal.length);
  core.inRecovery = false;
  core.flushed = core.wal.length;
  core.history = [...core.history, { timeline: core.timeline, end: core.wal.end }];
  core.timeline += 1;
  core.recoveryEndedAt = core.world.now;
  core.recoveredUpTo = core.wal.end;
  core.write({ kind: 'end_of_recovery' }, 48, { flush: true });
  const { life } = core;
  core.world.after(core.world.chance(core.node, 'checkpoint', life) * FIRST_CHECKPOINT_MS, () => {
    if (core.life === life) {
      checkpoint(core);
    }
  });
}

/** A checkpoint of a primary, a restartpoint of a standby where a checkpoint was replayed since the last one. */
export function checkpoint(core: ServerCore): void {
  if (core.inRecovery) {
    restartpoint(core);
    return;
  }
  const redo = core.insertLsn;
  core.write({ kind: 'checkpoint_redo' }, 30);
  core.saveSlots();
  core.logRunning();
  core.write({ kind: 'checkpoint' }, 120, { flush: true });
  core.lastCheckpoint = core.wal.length;
  core.removeOldWal(redo);
}

function restartpoint(core: ServerCore, { isShutdown = false } = {}): void {
  if (core.replayedCheckpoint <= core.restartpoint) {
    return;
  }
  core.restartpoint = core.replayedCheckpoint;
  core.saveSlots({ isShutdown });
  core.minRecovery = core.replayed;
  core.removeOldWal(core.wal.at(core.restartpoint).start);
}

function beginBackground(core: ServerCore): void {
  const { life } = core;
  const isAlive = (): boolean => core.life === life && core.running;
  const logRunning = (): void => {
    if (!isAlive()) {
      return;
    }
    if (!core.inRecovery && core.wal.length > core.lastRunning) {
      core.logRunning();
      core.lastRunning = core.wal.length;
    }
    core.world.after(core.settings.runningIntervalMs, logRunning);
  };
  const checkpointInTurn = (): void => {
    if (!isAlive()) {
      return;
    }
    if (core.inRecovery || core.wal.length > core.lastCheckpoint + 1) {
      checkpoint(core);
    }
    core.world.after(core.settings.checkpointIntervalMs, checkpointInTurn);
  };
  const first = core.world.chance(core.node, 'background', life);
  core.world.after(first * core.settings.runningIntervalMs, logRunning);
  core.world.after(first * core.settings.checkpointIntervalMs, checkpointInTurn);
}

function endSessions(core: ServerCore, error: Error): void {
  for (const session of core.sessions) {
    session.terminate(error);
  }
  for (const slot of core.slots.all) {
    if (slot.temporary) {
      core.slots.remove(slot);
    } else if (slot.activePid !== undefined) {
      changeSlot(slot, { activePid: undefined, inactiveSince: core.nowMs });
    }
  }
}
