import { changeSlot, type Slot, slotFromDisk } from './slot.ts';
import { allSlotsInUse, nameTaken, noSuchSlot, slotInUse } from './sqlstate.ts';
import type { Position, Xid } from './wal.ts';

/** The slots of a server, in an array whose places are used again, as that of the server is. */
export class SlotTable {
  readonly #places: (Slot | undefined)[] = [];
  readonly #limit: number;
  /** Of the places, as long as none has changed. */
  #all: readonly Slot[] | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** In the order of their places. */
  get all(): readonly Slot[] {
    this.#all ??= this.#places.filter((slot) => slot !== undefined);
    return this.#all;
  }

  find(name: string): Slot | undefined {
    return this.#places.find((slot) => slot?.name === name);
  }

  /** Throws 42704. */
  get(name: string): Slot {
    const slot = this.find(name);
    if (slot === undefined) {
      throw noSuchSlot(name);
    }
    return slot;
  }

  /** A slot that no other session holds (`ReplicationSlotAcquire`). Throws 42704 or 55006. */
  acquire(name: string, pid: number): Slot {
    const slot = this.get(name);
    if (slot.activePid !== undefined && slot.activePid !== pid) {
      throw slotInUse(name, slot.activePid);
    }
    return slot;
  }

  /** Throws 42710 when the name is taken, 53400 when there is no place. */
  add(slot: Slot): void {
    if (this.find(slot.name) !== undefined) {
      throw nameTaken(slot.name);
    }
    const free = this.#places.indexOf(undefined);
    const place = free === -1 ? this.#places.length : free;
    if (place >= this.#limit) {
      throw allSlotsInUse();
    }
    this.#places[place] = slot;
    this.#all = undefined;
  }

  remove(slot: Slot): void {
    const place = this.#places.indexOf(slot);
    if (place !== -1) {
      this.#places[place] = undefined;
      this.#all = undefined;
    }
  }

  clear(): void {
    this.#places.length = 0;
    this.#all = undefined;
  }

  /** What a start of the server finds on disk. */
  reload(nowMs: number): void {
    const kept = this.all.map((slot) => slotFromDisk(slot, nowMs)).filter((slot) => slot !== undefined);
    this.#places.splice(0, this.#places.length, ...kept);
    this.#all = undefined;
  }

  /** The oldest WAL that any slot needs (`ReplicationSlotsComputeRequiredLSN`), or any logical one. */
  oldestRestart(type?: 'logical'): Position | undefined {
    let oldest: Position | undefined;
    for (const slot of this.#places) {
      const restart = slot?.restartLsn;
      const counts = slot?.invalidation === undefined && (type === undefined || slot?.type === type);
      if (counts && restart !== undefined && (oldest === undefined || restart < oldest)) {
        oldest = restart;
      }
    }
    return oldest;
  }

  /** The oldest transaction whose catalog rows any slot needs (`ReplicationSlotsComputeRequiredXmin`). */
  oldestCatalogXmin(): Xid | undefined {
    let oldest: Xid | undefined;
    for (const slot of this.#places) {
      const xmin = slot?.catalogXmin;
      if (slot?.invalidation === undefined && xmin !== undefined && (oldest === undefined || xmin < oldest)) {
        oldest = xmin;
      }
    }
    return oldest;
  }

  /** Lets go of what a session held. */
  release(slot: Slot, nowMs: number): void {
    changeSlot(slot, { activePid: undefined, inactiveSince: nowMs });
  }
}
