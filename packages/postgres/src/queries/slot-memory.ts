import { type UnreadableSlot } from '@slotcast/domain';
import { isSlotRow, type OptionalSlotRow, type SlotRow, UnreadableRow } from './slot-row.ts';

const HASH_BYTES = 8;
/**
 * So often all rows are read whatever is known of them. The hash of a position is made of its two halves, so a position 4 GiB further on can
 * have the same one by chance, and would not be seen before its slot moves again.
 */
const FULL_EVERY = 256;

/** A row as far as it tells where it was, when it has changed since the last time. */
export type RememberedSlotRow = OptionalSlotRow & {
  /** Place among all slots, from 1; null in the one row of an outer join that found none. */
  readonly ordinal: number | null;
  /** Of all that is read of the slot, as text. */
  readonly hash: string | null;
};

/** Slots as they were read last. The same arrays as before when nothing changed, and the same object for a slot that did not. */
export interface SlotRows<Slot> {
  readonly slots: readonly Slot[];
  readonly unreadable: readonly UnreadableSlot[];
}

type Known<Slot> = { readonly hash: bigint } & (
  | { readonly kind: 'slot'; readonly slot: Slot }
  | { readonly kind: 'unreadable'; readonly unreadable: UnreadableSlot }
  | { readonly kind: 'left_out' }
);

/**
 * What one caller saw of `pg_replication_slots` last, so that the server sends the rows only that have changed. Rows take most of the time of
 * looking at hundreds of slots, on both sides; to read the slots and to compare them takes little.
 */
export class SlotMemory<Slot> {
  readonly #read: (row: SlotRow) => Slot | undefined;
  #known: readonly Known<Slot>[] = [];
  #rows: SlotRows<Slot> = { slots: [], unreadable: [] };
  #hashes: Buffer = Buffer.alloc(0);
  #reads = 0;

  /** `read` makes a slot of its row, or nothing of one to be left out; it throws an UnreadableRow on a row that cannot be right. */
  constructor(read: (row: SlotRow) => Slot | undefined) {
    this.#read = read;
  }

  /** The parameters of the next statement: the hashes by ordinal, and the last ordinal, whose row always comes. */
  get parameters(): readonly [Buffer, number] {
    return [this.#hashes, this.#known.length];
  }

  /** Forgets everything before the next statement, when it is time for that. */
  prepare(): void {
    this.#reads += 1;
    if (this.#reads % FULL_EVERY === 0) {
      this.forget();
    }
  }

  forget(): void {
    this.#known = [];
    this.#hashes = Buffer.alloc(0);
  }

  /**
   * Takes the answer to a statement with these parameters: the slots of now, or `undefined` when it cannot be told which are left of those at the
   * end. Then everything is forgotten and has to be read anew.
   */
  take(rows: readonly RememberedSlotRow[]): SlotRows<Slot> | undefined {
    const present = rows.filter(isSlotRow);
    const highest = present.reduce((most, { ordinal }) => Math.max(most, ordinal ?? 0), 0);
    if (highest < this.#known.length) {
      this.forget();
      return undefined;
    }
    const known = [...this.#known];
    const hashes = Buffer.concat([this.#hashes], highest * HASH_BYTES);
    let changed = known.length === 0;
    for (const row of present) {
      const index = (row.ordinal ?? 0) - 1;
      const hash = BigInt(row.hash ?? 0);
      if (known[index]?.hash !== hash) {
        known[index] = this.#know(row, hash);
        hashes.writeBigInt64BE(hash, index * HASH_BYTES);
        changed = true;
      }
    }
    if (changed) {
      this.#remember(known, hashes);
    }
    return this.#rows;
  }

  #know(row: SlotRow, hash: bigint): Known<Slot> {
    try {
      const slot = this.#read(row);
      return slot === undefined ? { kind: 'left_out', hash } : { kind: 'slot', hash, slot };
    } catch (error) {
      if (!(error instanceof UnreadableRow)) {
        throw error;
      }
      return { kind: 'unreadable', hash, unreadable: { slot: row.slot_name, reason: error.reason } };
    }
  }

  #remember(known: readonly Known<Slot>[], hashes: Buffer): void {
    const slots: Slot[] = [];
    const unreadable: UnreadableSlot[] = [];
    for (const each of known) {
      if (each.kind === 'slot') {
        slots.push(each.slot);
      } else if (each.kind === 'unreadable') {
        unreadable.push(each.unreadable);
      }
    }
    this.#known = known;
    this.#hashes = hashes;
    this.#rows = { slots, unreadable };
  }
}
