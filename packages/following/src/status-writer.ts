import {
  equalReasons,
  isInvalidated,
  type LocalSlot,
  lastingProof,
  NODE_RECORD_MS,
  type NodeSlotStatus,
  type NodeStatus,
  type Ownership,
  type Plan,
  POSITIONS_MS,
  type Reason,
  rememberFurthest,
  type SettledBacklog,
  type SlotName,
  type SlotVerdict,
  sameIncarnation,
  sameReason,
  sameReasons,
  WISH_REPEAT_MS,
} from '@slotcast/domain';
import type { LogWriter } from '@slotcast/event-log';
import type { Clock } from '@slotcast/kernel';
import type { NodeDirectory } from '@slotcast/topics';
import { sameElements } from './same-elements.ts';
import type { StandbyView } from './standby-server.ts';

/** Positions of all slots together are written no more often than this: hundreds that move would else have some written in every round, which waits for it. */
const TOGETHER_MS = 3000;

/** Writes this node's records to the nodes topic: readiness of its slots, its heartbeat and its wishes. */
export class StatusWriter {
  readonly #directory: NodeDirectory;
  readonly #writer: LogWriter;
  readonly #clock: Clock;
  readonly #describe: (view: StandbyView) => Omit<NodeStatus, 'wantsStandbySnapshot' | 'time'>;
  readonly #decodingReason: (slot: LocalSlot) => Reason | undefined;
  #nodeAt = Number.NEGATIVE_INFINITY;
  #positionsAt = Number.NEGATIVE_INFINITY;
  #wanted = false;
  #alarm: Reason | undefined;
  #upstream: string | undefined;
  #decodingSlots = 0;
  /** What there was nothing left to write about. */
  #onRecord:
    | (Pick<Plan, 'verdicts'> & Pick<StandbyView, 'slots'> & { readonly settled: SettledBacklog })
    | undefined;

  constructor(options: {
    directory: NodeDirectory;
    writer: LogWriter;
    clock: Clock;
    describe: (view: StandbyView) => Omit<NodeStatus, 'wantsStandbySnapshot' | 'time'>;
    /** Why a slot here is advanced by decoding. */
    decodingReason: (slot: LocalSlot) => Reason | undefined;
  }) {
    this.#directory = options.directory;
    this.#writer = options.writer;
    this.#clock = options.clock;
    this.#describe = options.describe;
    this.#decodingReason = options.decodingReason;
  }

  /** Writes what is due, in one transaction. Without a plan the records of the slots stay as they are, their ownership with them. */
  async write(
    plan: Plan | undefined,
    view: StandbyView,
    settled: SettledBacklog,
    wanted: boolean,
  ): Promise<void> {
    const time = this.#clock.now();
    const now = this.#clock.monotonicMs();
    const { due, forget } = this.#slotChanges(plan, view, settled, { time, now });
    const interval = wanted ? WISH_REPEAT_MS : NODE_RECORD_MS;
    const described = this.#describe(view);
    const isNews =
      wanted !== this.#wanted ||
      !sameReason(described.alarm, this.#alarm) ||
      described.upstream !== this.#upstream ||
      (described.restartBacklog === undefined) !== (this.#directory.own?.restartBacklog === undefined) ||
      described.timeline !== this.#directory.own?.timeline;
    const nodeDue = isNews || now - this.#nodeAt >= interval;
    const node = nodeDue ? { ...described, wantsStandbySnapshot: wanted, time } : undefined;
    await this.#directory.write(this.#writer, {
      slots: due,
      forget,
      time,
      ...(node === undefined ? {} : { node }),
    });
    if (nodeDue) {
      this.#nodeAt = now;
      this.#wanted = wanted;
      this.#alarm = described.alarm;
      this.#upstream = described.upstream;
    }
  }

  /** Which records of slots are to be written or to go. While nothing changes that is not worked out again for each of hundreds of slots. */
  #slotChanges(
    plan: Plan | undefined,
    view: StandbyView,
    settled: SettledBacklog,
    { time, now }: { readonly time: number; readonly now: number },
  ): { readonly due: readonly NodeSlotStatus[]; readonly forget: readonly SlotName[] } {
    if (plan !== undefined && this.#isOnRecord(plan, view, settled)) {
      return { due: [], forget: [] };
    }
    this.#onRecord = undefined;
    const kept = plan?.verdicts.filter((entry) => !this.#isGone(entry)) ?? [];
    const names = new Set(kept.map((entry) => entry.slot));
    const known = plan === undefined ? [] : [...this.#directory.written.keys()];
    const forget = known.filter((slot) => !names.has(slot));
    const together = now - this.#positionsAt >= TOGETHER_MS;
    this.#positionsAt = together ? now : this.#positionsAt;
    const looked = kept.filter((entry) => together || this.#isUrgent(entry));
    const local = looked.length === 0 ? undefined : lastingCopies(view.slots);
    const slots = looked.map((entry) => {
      const here = local?.get(entry.slot);
      return this.#slotStatus(entry, here, this.#ownership(entry.slot, here, view, settled), time);
    });
    if (together) {
      this.#decodingSlots = slots.filter(({ decoding }) => decoding !== undefined).length;
    }
    if (
      plan !== undefined &&
      together &&
      forget.length === 0 &&
      slots.every((each) => this.#isWritten(each))
    ) {
      this.#onRecord = { verdicts: plan.verdicts, slots: view.slots, settled };
    }
    return { due: slots.filter((status) => this.#isDue(status, time)), forget };
  }

  /** True when all was on record the last time, and nothing has changed that a record is made of. */
  #isOnRecord({ verdicts }: Plan, { slots }: StandbyView, { desired, furthest }: SettledBacklog): boolean {
    const before = this.#onRecord;
    return (
      before !== undefined &&
      before.slots === slots &&
      before.settled.desired === desired &&
      before.settled.furthest === furthest &&
      sameElements(before.verdicts, verdicts)
    );
  }

  /** How many slots were advanced by decoding when it wrote last. */
  get decodingSlots(): number {
    return this.#decodingSlots;
  }

  /** Milliseconds until the node's record is due again. */
  untilDue(): number {
    return Math.max(
      0,
      this.#nodeAt + (this.#wanted ? WISH_REPEAT_MS : NODE_RECORD_MS) - this.#clock.monotonicMs(),
    );
  }

  /** A slot that is neither here nor on the primary leaves no record behind. */
  #isGone(entry: SlotVerdict): boolean {
    return (
      entry.state === 'absent' && entry.action === undefined && !this.#directory.ownership.has(entry.slot)
    );
  }

  /** What was published of a slot's subscriber is kept with the ownership, as compaction removes all events but the newest. */
  #ownership(
    slot: SlotName,
    local: LocalSlot | undefined,
    { replayLsn }: StandbyView,
    { desired, furthest, manifest }: SettledBacklog,
  ): Ownership | undefined {
    const owned = this.#directory.ownership.get(slot);
    const event = desired.get(slot);
    if (owned === undefined || local === undefined || event === undefined) {
      return owned;
    }
    const isOfEvent =
      owned.lineage === manifest?.lineage && sameIncarnation(owned.incarnation, event.incarnation);
    return isOfEvent ? rememberFurthest(owned, local, { furthest: furthest.get(slot), replayLsn }) : owned;
  }

  #slotStatus(
    entry: SlotVerdict,
    local: LocalSlot | undefined,
    ownership: Ownership | undefined,
    time: number,
  ): NodeSlotStatus {
    // Positions say that the copy would outlive a promotion: one that is blocked for more than want of a pin has none.
    const lasting = entry.state === 'blocked' && entry.unpinned !== true ? undefined : local;
    return {
      kind: 'node_slot',
      node: this.#directory.node,
      slot: entry.slot,
      role: 'standby',
      ownership,
      state: entry.state,
      reasons: entry.reasons,
      orphaned: entry.orphaned,
      restartLsn: lasting?.restartLsn,
      confirmedFlushLsn: lasting?.confirmedFlushLsn,
      decoding: local === undefined || ownership === undefined ? undefined : this.#decodingReason(local),
      proof: lastingProof(this.#directory.written.get(entry.slot), { ownership, state: entry.state }),
      time,
    };
  }

  /** More than positions may be new. */
  #isUrgent({ slot, state, reasons }: SlotVerdict): boolean {
    const written = this.#directory.written.get(slot);
    const isKnown =
      written?.role === 'standby' && written.state === state && equalReasons(written.reasons, reasons);
    return !isKnown || (written.ownership !== undefined && written.ownership.highestLsn === undefined);
  }

  /** Nothing is left to write of it, and nothing but a change of the slot will change that. */
  #isWritten(status: NodeSlotStatus): boolean {
    const written = this.#directory.written.get(status.slot);
    return (
      status.decoding === undefined &&
      written?.decoding === undefined &&
      written?.role === status.role &&
      written.state === status.state &&
      equalReasons(written.reasons, status.reasons) &&
      written.confirmedFlushLsn === status.confirmedFlushLsn &&
      written.restartLsn === status.restartLsn &&
      (written.ownership?.highestLsn === undefined) === (status.ownership?.highestLsn === undefined)
    );
  }

  #isDue(status: NodeSlotStatus, time: number): boolean {
    const written = this.#directory.written.get(status.slot);
    if (written === undefined || written.role !== status.role || written.state !== status.state) {
      return true;
    }
    // What was measured goes on and is no news.
    if (!sameReason(written.decoding, status.decoding) || !sameReasons(written.reasons, status.reasons)) {
      return true;
    }
    if (written.ownership?.highestLsn === undefined && status.ownership?.highestLsn !== undefined) {
      return true;
    }
    const moved =
      written.confirmedFlushLsn !== status.confirmedFlushLsn || written.restartLsn !== status.restartLsn;
    const measured = !equalReasons(written.reasons, status.reasons);
    return (moved || measured) && time - written.time >= POSITIONS_MS;
  }
}

/** Only a copy that would outlive a promotion has positions: the server's own synchronisation keeps unfinished ones temporary. */
function lastingCopies(slots: readonly LocalSlot[]): ReadonlyMap<SlotName, LocalSlot> {
  const lasting = slots.filter((slot) => !slot.temporary && !isInvalidated(slot));
  return new Map(lasting.map((slot) => [slot.name, slot]));
}
