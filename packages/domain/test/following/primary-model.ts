import {
  type EventOrigin,
  type Incarnation,
  type LogicalSlotState,
  type Lsn,
  lsn,
  type Manifest,
  maxLsn,
  type SlotEvent,
  type SlotName,
  type SlotOperation,
  timeline,
} from '@slotcast/domain';
import { firstTimeline, manifest } from '../event-examples.ts';
import { logicalSlot } from '../vocabulary-examples.ts';

/** A record of the topic at its offset. */
interface Stored {
  readonly offset: number;
  readonly record: SlotEvent | Manifest;
}

type SlotTraits = Partial<Pick<LogicalSlotState, 'twoPhase' | 'failover'>> & { readonly databaseOid: number };

/** The oids of two databases. */
export const SHOP = 16_384;
export const HR = 16_385;

/** A primary whose slots live and die, with the topic that its publisher writes. */
export class PrimaryModel {
  flushLsn: Lsn = lsn(0x10000n);
  topic: Stored[] = [];
  readonly slots = new Map<SlotName, { state: LogicalSlotState; incarnation: Incarnation }>();
  #databases = new Map([
    [SHOP, 'shop'],
    [HR, 'hr'],
  ]);
  #everPublished: SlotEvent[] = [];
  #offset = 0;
  #epoch = 0;
  #seq = 0;
  #lineage = 0;

  constructor() {
    this.#claim();
  }

  write(bytes: number): void {
    this.flushLsn = lsn(this.flushLsn + BigInt(bytes));
  }

  create(name: SlotName, traits: SlotTraits): void {
    if (!this.slots.has(name)) {
      this.write(100);
      const positions = { confirmedFlushLsn: this.flushLsn, restartLsn: lsn(this.flushLsn - 50n) };
      this.#publish(
        'create',
        logicalSlot(name, { ...traits, database: this.#databases.get(traits.databaseOid), ...positions }),
      );
      this.#publishManifest();
    }
  }

  /** The subscriber confirms all WAL there is. */
  consume(name: SlotName): void {
    const slot = this.slots.get(name);
    if (slot !== undefined && slot.state.invalidationReason === undefined) {
      this.#publish('update', { ...slot.state, confirmedFlushLsn: this.flushLsn });
    }
  }

  drop(name: SlotName): void {
    const slot = this.slots.get(name);
    if (slot !== undefined) {
      this.#publish('drop', slot.state);
      this.#publishManifest();
    }
  }

  remake(name: SlotName, traits: SlotTraits): void {
    this.drop(name);
    this.create(name, traits);
  }

  invalidate(name: SlotName): void {
    const slot = this.slots.get(name);
    if (slot !== undefined) {
      const lost = { restartLsn: undefined, walStatus: 'lost', invalidationReason: 'wal_removed' };
      this.#publish('update', { ...slot.state, ...lost });
    }
  }

  /** Each database gets the name of the other. */
  swapNames(): void {
    const [shop = '', hr = ''] = this.#databases.values();
    this.#databases = new Map([
      [SHOP, hr],
      [HR, shop],
    ]);
    for (const { state } of this.slots.values()) {
      this.#publish('update', { ...state, database: this.#databases.get(state.databaseOid) });
    }
  }

  /** Comes back with confirmed_flush_lsn as last saved, and with a new tenure of its publisher. */
  restart(): void {
    this.#claim();
    for (const { state } of this.slots.values()) {
      if (state.restartLsn !== undefined) {
        this.#publish('update', { ...state, confirmedFlushLsn: lsn(state.restartLsn + 50n) });
      }
    }
  }

  /** Somebody deleted the topic; the publisher fills the new one. */
  recreateTopic(): void {
    this.topic = [];
    this.#epoch = 0;
    this.#lineage += 1;
    this.#claim();
    for (const { state } of this.slots.values()) {
      this.#publish('create', state);
    }
    this.#publishManifest();
  }

  /** Keeps of each key the last record up to `upTo` and all later ones; a drop that old is gone altogether. */
  compact(upTo: Lsn): void {
    const old = this.topic.filter(({ record }) => record.lsn <= upTo);
    const last = new Map(old.map((stored) => [keyOf(stored), stored]));
    this.topic = this.topic.filter((stored) => {
      const gone = stored.record.kind === 'slot' && stored.record.op === 'drop';
      return stored.record.lsn > upTo || (last.get(keyOf(stored)) === stored && !gone);
    });
  }

  /** The furthest that the subscriber of a slot of this name was ever seen by someone who has replayed up to `replayLsn`. */
  furthestSeen(name: SlotName, replayLsn: Lsn): Lsn | undefined {
    return this.#everPublished
      .filter((event) => event.slot === name && event.lsn <= replayLsn)
      .map((event) => event.state?.confirmedFlushLsn)
      .filter((position) => position !== undefined)
      .reduce<Lsn | undefined>((most, position) => maxLsn(most ?? position, position), undefined);
  }

  #claim(): void {
    this.#epoch += 1;
    this.#seq = 0;
    this.#publishManifest();
  }

  #publish(op: SlotOperation, state: LogicalSlotState): void {
    const origin = this.#nextOrigin();
    const { epoch, seq } = origin;
    const known = this.slots.get(state.name)?.incarnation ?? { epoch, seq };
    const incarnation = op === 'create' ? { epoch, seq } : known;
    const event: SlotEvent = { ...origin, kind: 'slot', op, slot: state.name, incarnation, state };
    this.#everPublished.push(event);
    this.#store(event);
    if (op === 'drop') {
      this.#store({ ...event, state: undefined });
      this.slots.delete(state.name);
    } else {
      this.slots.set(state.name, { state, incarnation });
    }
  }

  #publishManifest(): void {
    const slots = [...this.slots].map(([name, { incarnation }]) => ({ name, incarnation }));
    const lineage = `topic ${this.#lineage}`;
    this.#store({ ...manifest([], {}), ...this.#nextOrigin(), slots, lineage, history: firstTimeline });
  }

  #nextOrigin(): EventOrigin {
    this.#seq += 1;
    const { flushLsn } = this;
    return {
      lsn: flushLsn,
      timeline: timeline(1),
      epoch: this.#epoch,
      seq: this.#seq,
      node: 'alpha',
      time: 0,
    };
  }

  #store(record: SlotEvent | Manifest): void {
    this.topic.push({ offset: this.#offset, record });
    this.#offset += 1;
  }
}

function keyOf({ record }: Stored): string {
  return record.kind === 'manifest' ? '@' : record.slot;
}
