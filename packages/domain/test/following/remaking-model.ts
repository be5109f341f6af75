import {
  type Hold,
  isLeadingSlot,
  type LocalLogicalSlot,
  maxLsn,
  type Ownership,
  type Plan,
  parseSlotName,
  type RemakingWork,
  type SlotName,
} from '@slotcast/domain';
import { saying } from '../reason-examples.ts';

interface Standby {
  readonly slots: Map<SlotName, LocalLogicalSlot>;
  readonly ownership: Map<SlotName, Ownership>;
  readonly plan: () => Plan | undefined;
  readonly fits: () => boolean;
}

const LEADER = parseSlotName('slotcast_leader_1');
const UPKEEP: Hold = { reasons: [saying('is being made anew')], pausing: true, cause: 'upkeep' };

/** The part of a consumer that makes slots anew from a leading one, in single steps. */
export class RemakingModel {
  readonly #standby: Standby;
  #steps: Generator<void> | undefined;
  #work: RemakingWork | undefined;
  /** A statement is under way: its slot is dropped, and not made again yet. */
  #dropped: LocalLogicalSlot | undefined;

  constructor(standby: Standby) {
    this.#standby = standby;
  }

  /** What a plan is to know of it. */
  get work(): RemakingWork | undefined {
    return this.#work;
  }

  get held(): readonly (readonly [SlotName, Hold])[] {
    return this.#dropped === undefined ? [] : [[this.#dropped.name, UPKEEP]];
  }

  /** Takes so many steps, of a wave that is under way or of the next one. */
  run(steps: number, databaseOid: number): void {
    this.#steps ??= this.#wave(databaseOid);
    for (let left = steps; left > 0 && this.#steps !== undefined; left -= 1) {
      if (this.#steps.next().done === true) {
        this.#steps = undefined;
      }
    }
  }

  /** Takes all steps of a wave that is under way. */
  finish(): void {
    while (this.#steps?.next().done === false) {
      // The next one.
    }
    this.#steps = undefined;
  }

  /** Only what is on the server and in the topic is left. The server ends a statement that is under way, unless it crashes itself. */
  crash({ server }: { readonly server: boolean }): void {
    if (this.#dropped !== undefined && !server) {
      this.#standby.slots.set(this.#dropped.name, this.#dropped);
    }
    this.#dropped = undefined;
    this.#steps = undefined;
    this.#work = undefined;
  }

  *#wave(databaseOid: number): Generator<void> {
    const { slots, ownership, fits } = this.#standby;
    const members = [...this.#sound().values()]
      .filter((slot) => slot.databaseOid === databaseOid && !slot.twoPhase)
      .toSorted((a, b) => Number((a.confirmedFlushLsn ?? 0n) - (b.confirmedFlushLsn ?? 0n)));
    const [source] = members;
    if (source === undefined || slots.has(LEADER) || !fits()) {
      return;
    }
    this.#work = { slots: new Set(), leaders: new Set([LEADER]) };
    slots.set(LEADER, { ...source, name: LEADER });
    yield;
    const recorded = members.filter(({ name }) => ownership.get(name)?.proven === true);
    for (const { name } of recorded) {
      const owned = ownership.get(name);
      ownership.set(name, { ...(owned ?? fail(name)), remaking: true });
    }
    this.#work = { slots: new Set(recorded.map(({ name }) => name)), leaders: new Set([LEADER]) };
    yield;
    for (const { name } of recorded) {
      yield* this.#lead(name);
      yield* this.#remake(name);
    }
    this.#work = undefined;
  }

  /** Never beyond a slot that is made from it. */
  *#lead(name: SlotName): Generator<void> {
    const { slots } = this.#standby;
    const target = this.#sound().get(name)?.confirmedFlushLsn;
    const leader = slots.get(LEADER);
    if (leader !== undefined && target !== undefined) {
      slots.set(LEADER, { ...leader, confirmedFlushLsn: maxLsn(leader.confirmedFlushLsn ?? target, target) });
      yield;
    }
  }

  *#remake(name: SlotName): Generator<void> {
    const { slots } = this.#standby;
    const here = this.#sound().get(name);
    const leader = slots.get(LEADER);
    if (here === undefined || leader === undefined || leader.databaseOid !== here.databaseOid) {
      return;
    }
    if ((leader.confirmedFlushLsn ?? 0n) > (here.confirmedFlushLsn ?? 0n)) {
      return;
    }
    slots.delete(name);
    this.#dropped = { ...leader, name, plugin: here.plugin };
    yield;
    slots.set(name, this.#dropped);
    this.#dropped = undefined;
    yield;
  }

  #sound(): Map<SlotName, LocalLogicalSlot> {
    const { plan, slots } = this.#standby;
    return new Map(
      (plan()?.verdicts ?? []).flatMap(({ slot, sound }) => {
        const here = slots.get(slot);
        return sound === true && here !== undefined && !isLeadingSlot(slot) ? [[slot, here] as const] : [];
      }),
    );
  }
}

function fail(name: SlotName): never {
  throw new Error(`${name} is not owned`);
}
