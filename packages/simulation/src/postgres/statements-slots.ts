import { Creation } from './creation.ts';
import { formatPosition, parsePosition } from './position-text.ts';
import { changeSlot, saveSlot } from './slot.ts';
import {
  advanceSlot,
  copySlot,
  createPlaceholder,
  dropSlot,
  remakeObstacle,
  type SlotRemake,
} from './slot-work.ts';
import { noSuchSlot, sessionTerminated } from './sqlstate.ts';
import {
  type Answer,
  type Row,
  type ServerStatement,
  type StatementHandlers,
  textList,
} from './statement.ts';

/** What an advance costs for each MB of WAL that it reads, and below which it happens at once. */
const MS_PER_MB = 0.6;
const INSTANT_MS = 2;
/** How long the name of a slot is free while the slot is made anew. */
const REMAKE_MS = 1;
const WAIT_MS = 100;

export const slotStatements: StatementHandlers = {
  create_temporary: (statement) => createSlot(statement, { temporary: true }),
  create_logical: (statement) => createSlot(statement, { temporary: false }),
  copy_slot: (statement) => {
    const [source, target, plugin] = textsOf(statement.values);
    if (isRefused(statement)) {
      return [{ slot_name: null, lsn: null }];
    }
    const { core, session } = statement;
    const slot = copySlot(core, session, { source, target, plugin, temporary: false });
    return [{ slot_name: target, lsn: formatPosition(slot.confirmedFlush ?? 0) }];
  },
  copy_slots: (statement) => {
    const { core, session, values } = statement;
    const targets = textList(values[1]);
    const plugins = textList(values[2]);
    return targets.map((target, index) => {
      if (isRefused(statement)) {
        return { name: target, lsn: null };
      }
      const copy = { source: String(values[0]), target, plugin: plugins[index], temporary: false };
      return { name: target, lsn: formatPosition(copySlot(core, session, copy).confirmedFlush ?? 0) };
    });
  },
  find_load_failure: (statement) => {
    const [source, target, plugin] = textsOf(statement.values);
    if (isRefused(statement)) {
      return [{ lsn: null }];
    }
    const slot = copySlot(statement.core, statement.session, { source, target, plugin, temporary: true });
    return [{ lsn: formatPosition(slot.confirmedFlush ?? 0) }];
  },
  drop_slot: (statement) => {
    const found = findBeforeDrop(statement);
    const { core, session, values } = statement;
    if (found.obstacle === null) {
      dropSlot(core, session, String(values[0]));
    }
    return [{ ...found, pg_drop_replication_slot: found.obstacle === null ? '' : null }];
  },
  replace_by_placeholder: replaceByPlaceholder,
  create_placeholder: ({ core, values }) => {
    const name = String(values[0]);
    createPlaceholder(core, name);
    return [{ slot_name: name }];
  },
  drop_leading_slot: ({ core, session, values }) => {
    const leader = core.slots.find(String(values[0]));
    const needed = textList(values[1]);
    const isFree =
      leader?.databaseOid === session.databaseOid && leader.activePid === undefined && core.inRecovery;
    if (!isFree || needed.some((name) => core.slots.find(name) === undefined)) {
      return [];
    }
    dropSlot(core, session, leader.name);
    return [{ pg_drop_replication_slot: '' }];
  },
  end_creations: ({ core, values }) => {
    const names = textList(values[0]);
    return terminate(core, (slot) => names.includes(slot.name) && slot.confirmedFlush === undefined);
  },
  end_left_sessions: ({ core, session, values }) => {
    const prefix = String(values[0]);
    const names = textList(values[1]);
    const ofKind = new Set(
      [...core.sessions]
        .filter((each) => each.user === session.user && each.applicationName === session.applicationName)
        .map(({ pid }) => pid),
    );
    return terminate(
      core,
      (slot) =>
        ofKind.has(slot.activePid ?? 0) &&
        ((slot.temporary && slot.name.startsWith(prefix)) ||
          (names.includes(slot.name) && slot.confirmedFlush === undefined)),
    );
  },
  advance_slots: advanceSlots,
  remake_slot: remakeSlot,
  failover_property: setFailoverProperty,
};

function textsOf(values: readonly unknown[]): readonly [string, string, string] {
  return [String(values[0]), String(values[1]), String(values[2])];
}

/** Whether the statement makes slots on a standby only, and the server is none any more. */
function isRefused({ core, text }: ServerStatement): boolean {
  return text.includes('pg_is_in_recovery()') && !core.inRecovery;
}

function createSlot(statement: ServerStatement, { temporary }: { readonly temporary: boolean }): Answer {
  const { core, session, text, values } = statement;
  if (isRefused(statement)) {
    return [{ slot_name: null, lsn: null }];
  }
  const [name, plugin] = textsOf(values);
  const twoPhase = text.includes('twophase => true');
  const pending = core.world.pending<readonly Row[]>();
  const creation = new Creation(
    core,
    session,
    { name, plugin, temporary, twoPhase },
    {
      get ended() {
        return pending.ended;
      },
      settle: (lsn) => pending.settle([{ slot_name: name, lsn: formatPosition(lsn) }]),
      fail: (error) => pending.fail(error),
    },
  );
  statement.onCancel((error) => creation.abandon(error));
  return pending;
}

function findBeforeDrop(statement: ServerStatement) {
  const { core, values } = statement;
  const slot = core.slots.find(String(values[0]));
  const [restart, confirmed] = [slot?.restartLsn, slot?.confirmedFlush].map(positionText);
  return {
    obstacle: dropObstacle(statement),
    database: core.databases.get(slot?.databaseOid ?? 0) ?? null,
    restart_lsn: restart,
    confirmed_flush_lsn: confirmed,
  };
}

/** Neither a cancellation nor the end of its client comes between the two steps; a crash does. */
function replaceByPlaceholder(statement: ServerStatement): Answer {
  const { core, session, values } = statement;
  const name = String(values[0]);
  const found = findBeforeDrop(statement);
  if (found.obstacle !== null) {
    return [{ ...found, slot_name: null }];
  }
  dropSlot(core, session, name);
  const pending = core.world.pending<readonly Row[]>();
  const { life } = core;
  core.world.after(REMAKE_MS, () => {
    if (core.life !== life) {
      return;
    }
    try {
      createPlaceholder(core, name);
      pending.settle([{ ...found, slot_name: name }]);
    } catch (error) {
      pending.fail(error);
    }
  });
  return pending;
}

function dropObstacle({ core, session, values }: ServerStatement): string | null {
  const [name, isSeen, restart, confirmed] = values;
  const slot = core.slots.find(String(name));
  if (slot === undefined) {
    return null;
  }
  if (slot.type === 'physical') {
    return 'physical';
  }
  if (core.databases.has(slot.databaseOid ?? 0) && slot.databaseOid !== session.databaseOid) {
    return 'other_database';
  }
  const hasMoved =
    restart !== positionText(slot.restartLsn) || confirmed !== positionText(slot.confirmedFlush);
  return isSeen === true && hasMoved ? 'moved' : null;
}

function positionText(position: number | undefined): string | null {
  return position === undefined ? null : formatPosition(position);
}

function terminate(
  core: ServerStatement['core'],
  isMeant: (slot: ReturnType<ServerStatement['core']['slots']['get']>) => boolean,
): readonly Row[] {
  const pids = new Set(core.slots.all.filter(isMeant).map(({ activePid }) => activePid));
  for (const session of core.sessions) {
    if (pids.has(session.pid)) {
      session.terminate(sessionTerminated());
    }
  }
  return [...pids].map(() => ({ pg_terminate_backend: true }));
}

/** One after the other; what takes long can be cut off, with what was gained before. */
function advanceSlots(statement: ServerStatement): Answer {
  const { core, session, values } = statement;
  const names = textList(values[0]);
  const targets = textList(values[1]).map(parsePosition);
  const cost = names.reduce((sum, name, index) => {
    const { restartLsn } = core.slots.find(name) ?? {};
    return sum + Math.max(0, (targets[index] ?? 0) - (restartLsn ?? Infinity)) * (MS_PER_MB / 2 ** 20);
  }, 0);
  const advance = (index: number): Row => {
    const name = names[index] ?? '';
    const end = advanceSlot(core, session, name, targets[index] ?? 0);
    return { slot_name: name, end_lsn: formatPosition(end) };
  };
  if (cost <= INSTANT_MS) {
    return names.map((_, index) => advance(index));
  }
  const pending = core.world.pending<readonly Row[]>();
  const rows: Row[] = [];
  const next = (): void => {
    if (pending.ended) {
      return;
    }
    try {
      rows.push(advance(rows.length));
    } catch (error) {
      pending.fail(error);
      return;
    }
    if (rows.length === names.length) {
      pending.settle(rows);
    } else {
      core.world.after(cost / names.length, next);
    }
  };
  statement.onCancel((error) => pending.fail(error));
  core.world.after(cost / names.length, next);
  return pending;
}

/** Neither a cancellation nor the end of its client comes between the two steps; a crash does. */
function remakeSlot({ core, session, values }: ServerStatement): Answer {
  const [slot, leader, plugin] = textsOf(values);
  const wanted: SlotRemake = { slot, leader, plugin, confirmed: parsePosition(String(values[3])) };
  const obstacle = remakeObstacle(core, session, wanted);
  if (obstacle !== null) {
    return [{ obstacle, lsn: null }];
  }
  dropSlot(core, session, slot);
  const pending = core.world.pending<readonly Row[]>();
  const { life } = core;
  core.world.after(REMAKE_MS, () => {
    if (core.life !== life) {
      return;
    }
    try {
      const copy = copySlot(core, session, { source: leader, target: slot, plugin, temporary: false });
      pending.settle([{ obstacle: null, lsn: formatPosition(copy.confirmedFlush ?? 0) }]);
    } catch (error) {
      pending.fail(error);
    }
  });
  return pending;
}

/** `ALTER_REPLICATION_SLOT … (FAILOVER true)` waits for whoever uses the slot. */
function setFailoverProperty(statement: ServerStatement): Answer {
  const { core, text } = statement;
  const name = /"(\w+)"/.exec(text)?.[1] ?? '';
  const pending = core.world.pending<readonly Row[]>();
  const look = (): void => {
    if (pending.ended) {
      return;
    }
    const slot = core.slots.find(name);
    if (slot === undefined) {
      pending.fail(noSuchSlot(name));
    } else if (slot.activePid === undefined) {
      changeSlot(slot, { failover: true });
      saveSlot(slot);
      pending.settle([]);
    } else {
      core.world.after(WAIT_MS, look);
    }
  };
  statement.onCancel((error) => pending.fail(error));
  look();
  return pending;
}
