import type { Pending } from '../types.ts';
import type { ServerCore, ServerSession } from './core.ts';
import { Decoder } from './decoder.ts';
import { changeSlot, newSlot, type Slot, saveSlot } from './slot.ts';
import { refusal } from './sqlstate.ts';
import type { Position, Xid } from './wal.ts';

export interface SlotToCreate {
  readonly name: string;
  readonly plugin: string;
  readonly temporary: boolean;
  readonly twoPhase: boolean;
}

/** Who hears of the end of a creation: with the point from which the slot decodes. */
export type CreationEnd = Omit<Pending<Position>, 'whenEnded'>;

/** Throws 58P01 when the plugin's library is not there. */
export function loadPlugin(core: ServerCore, plugin: string): void {
  if (!core.settings.plugins.includes(plugin)) {
    throw refusal(
      '58P01',
      `could not access file "${plugin}": No such file or directory`,
      'internal_load_library',
    );
  }
}

/** `GetOldestSafeDecodingTransactionId`: the oldest transaction whose catalog rows are certain to be there still. */
function oldestSafeXid(core: ServerCore): Xid {
  const { transactions, slots, inRecovery } = core;
  const ofSlots = slots.oldestCatalogXmin() ?? transactions.nextXid;
  return Math.min(ofSlots, inRecovery ? transactions.nextXid : transactions.oldestRunning);
}

/**
 * The making of a logical slot, from the reservation of its place to the point from which it can decode (`DecodingContextFindStartpoint`). It reads on
 * whenever there is more WAL, and where it waits for transactions to end a primary helps it with another record of those that run.
 */
export class Creation {
  readonly slot: Slot;
  readonly #core: ServerCore;
  readonly #pending: CreationEnd;
  readonly #decoder: Decoder;
  readonly #read = (): void => this.#readOn();
  #next: number;
  #awaited: readonly Xid[] = [];

  /** Throws 42710, 53400 or 58P01. */
  constructor(core: ServerCore, session: ServerSession, wanted: SlotToCreate, pending: CreationEnd) {
    const { databaseOid, pid } = session;
    this.#core = core;
    this.#pending = pending;
    this.slot = newSlot({ ...wanted, type: 'logical', databaseOid });
    core.slots.add(this.slot);
    const restartLsn = core.inRecovery ? core.replayLsn : core.insertLsn;
    const catalogXmin = oldestSafeXid(core);
    changeSlot(this.slot, { restartLsn, catalogXmin, activePid: pid });
    try {
      loadPlugin(core, wanted.plugin);
    } catch (error) {
      core.slots.remove(this.slot);
      throw error;
    }
    if (!core.inRecovery) {
      core.logRunning();
      core.flush();
    }
    this.#decoder = new Decoder(this.slot, core.snapshots, {
      startDecodingAt: restartLsn,
      initialXminHorizon: catalogXmin,
      onWait: (xids) => {
        this.#awaited = xids;
      },
    });
    this.#next = core.wal.countBefore(restartLsn);
    core.readers.add(this.#read);
    this.#readOn();
  }

  /** Ends it without a slot. */
  abandon(error: Error): void {
    if (this.#pending.ended) {
      return;
    }
    this.#core.readers.delete(this.#read);
    this.#core.slots.remove(this.slot);
    this.#pending.fail(error);
  }

  #readOn(): void {
    while (!this.#pending.ended && this.#haveEnded()) {
      if (this.#next >= this.#core.readable) {
        return;
      }
      const record = this.#core.wal.at(this.#next);
      this.#next += 1;
      this.#decoder.read(record);
      if (this.#decoder.isConsistent) {
        this.#finish(record.end);
      }
    }
  }

  /** Whether the transactions that it waits for have ended. */
  #haveEnded(): boolean {
    if (this.#awaited.length === 0) {
      return true;
    }
    if (this.#awaited.some((xid) => this.#core.transactions.find(xid) !== undefined)) {
      return false;
    }
    this.#awaited = [];
    if (!this.#core.inRecovery) {
      this.#core.logRunning();
    }
    return true;
  }

  #finish(consistentPoint: Position): void {
    const { slot } = this;
    this.#core.readers.delete(this.#read);
    changeSlot(slot, {
      confirmedFlush: consistentPoint,
      ...(slot.twoPhase ? { twoPhaseAt: consistentPoint } : {}),
    });
    if (!slot.temporary) {
      saveSlot(slot);
      this.#core.slots.release(slot, this.#core.nowMs);
    }
    this.#pending.settle(consistentPoint);
  }
}
