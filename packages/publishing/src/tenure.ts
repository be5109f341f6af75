import {
  applyPublished,
  type Continuity,
  type DecodingFiles,
  type EventOrigin,
  eventsFromChanges,
  findOrphan,
  type HandedOver,
  type Lsn,
  type Manifest,
  manifestSlots,
  type NodeSlotStatus,
  type OpenTransaction,
  type OrphanedSlot,
  type Ownership,
  orphansAfter,
  type PhysicalSlotPin,
  type Promotion,
  type PublishedSlots,
  primaryStatus,
  type SlotAhead,
  type SlotChange,
  type SlotEvent,
  type SlotName,
  type SlotRecords,
  type SystemIdentifier,
  type TimelineHistory,
  type UnreadableSlot,
  withAhead,
  withDecodingFiles,
  withoutLost,
} from '@slotcast/domain';
import type { LogWriter, NewRecord } from '@slotcast/event-log';
import type { Codec } from '@slotcast/event-schema';
import type { Clock } from '@slotcast/kernel';
import type { DueAnswer } from './proof-answers.ts';

/** What stays the same while one publisher holds the topic. */
export interface TenureFacts {
  readonly epoch: number;
  readonly lineage: string;
  readonly timelineNode: string;
  readonly instance: string;
  readonly node: string;
  /** slotcast's version. */
  readonly version: string;
  readonly systemIdentifier: SystemIdentifier;
  /** `server_version_num`, such as 160014. */
  readonly serverVersion: number;
  /** `pg_postmaster_start_time()`, in milliseconds since 1970. */
  readonly serverStartedAt: number;
  /** Where the recovery ended that it began with; absent when there was none. */
  readonly recoveredLsn: Lsn | undefined;
  /** Between what was published before and the server as it is now. */
  readonly continuity: Continuity;
  readonly history: TimelineHistory;
  readonly handedOver: HandedOver;
  /** What this node owned of the slots when they were handed over. */
  readonly ownership: ReadonlyMap<SlotName, Ownership>;
  readonly slotsTopic: string;
  readonly nodesTopic: string;
}

/** What goes with a heartbeat. */
export interface Heartbeat {
  readonly oldestTransaction: OpenTransaction | undefined;
  /** Read after the position that the heartbeat is published at, so that none that was prepared before it is missed. */
  readonly preparedTransactions: readonly OpenTransaction[];
  readonly physicalSlots: readonly PhysicalSlotPin[];
  readonly unreadableSlots: readonly UnreadableSlot[];
}

/** What one transaction brought to the topic. */
export interface Publication {
  readonly events: readonly SlotEvent[];
  readonly withManifest: boolean;
}

/** One publisher's hold on the slots topic: numbers its records, and writes each batch in one transaction. */
export class Tenure {
  readonly facts: TenureFacts;
  readonly #writer: LogWriter;
  readonly #codec: Codec;
  readonly #clock: Clock;
  #published: PublishedSlots;
  #orphans: readonly OrphanedSlot[];
  #nextSeq = 1;
  #lastLsn: Lsn | undefined;
  #promotion: Promotion | undefined;

  constructor(options: {
    facts: TenureFacts;
    published: PublishedSlots;
    orphans: readonly OrphanedSlot[];
    writer: LogWriter;
    codec: Codec;
    clock: Clock;
  }) {
    this.facts = options.facts;
    this.#published = options.published;
    this.#orphans = options.orphans;
    this.#writer = options.writer;
    this.#codec = options.codec;
    this.#clock = options.clock;
    this.#promotion = options.facts.handedOver.promotion;
  }

  /** All slots of which the topic has an event that is no drop, as it has them now. */
  get published(): PublishedSlots {
    return this.#published;
  }

  /** The logical slots that this server has. */
  get slotsHere(): readonly SlotName[] {
    return this.#here.map(({ slot }) => slot);
  }

  /** Slots that this server does not have, though nobody has seen them dropped. */
  get orphans(): readonly OrphanedSlot[] {
    return this.#orphans;
  }

  /** By which a slot of this server is known for one that was published before. */
  get records(): SlotRecords {
    const { ownership, lineage } = this.facts;
    return { ownership, lineage, promotion: this.#promotion };
  }

  /** What became of the slots when this server was promoted, with what was made good since. */
  get promotion(): Promotion | undefined {
    return this.#promotion;
  }

  /** Takes note that a slot which the hand-off could not make is there; the next heartbeat says so. */
  restored(slot: SlotName): void {
    this.#promotion = this.#promotion && withoutLost(this.#promotion, slot);
  }

  /** Takes note of a subscriber that was seen to be ahead, and of what was done about it; the next heartbeat says so. `fencedLsn`: up to where the fence was raised for it. */
  noteAhead(entry: SlotAhead, fencedLsn: Lsn | undefined): void {
    this.#promotion = this.#promotion && withAhead(this.#promotion, entry, fencedLsn);
  }

  /**
   * Publishes the changes seen at `lsn` in one transaction, with a manifest when the set of slots changed or `heartbeat` asks for
   * one; with the heartbeat goes this node's own record, too. Rejects as LogWriter.append does; then nothing is known of the topic and the tenure is over.
   */
  async publish(seen: {
    lsn: Lsn;
    changes: readonly SlotChange[];
    heartbeat: Heartbeat | undefined;
    /** What files say of the slots that changed; it goes with their events, and is nothing that changes are looked for in. */
    files?: ReadonlyMap<SlotName, DecodingFiles> | undefined;
  }): Promise<Publication> {
    if (this.#lastLsn !== undefined && seen.lsn < this.#lastLsn) {
      throw new RangeError(`the flush position of the server went back from ${this.#lastLsn} to ${seen.lsn}`);
    }
    const origin = this.#origin(seen.lsn);
    const { events, nextSeq } = eventsFromChanges(seen.changes, origin);
    const published = applyPublished(this.#published, events);
    const orphans = orphansAfter(this.#orphans, seen.changes, origin.time);
    const records = await this.#slotRecords(
      events.map((event) => withDecodingFiles(event, seen.files?.get(event.slot))),
    );
    const isOtherSet = orphans !== this.#orphans || events.some((event) => event.op !== 'update');
    const withManifest = seen.heartbeat !== undefined || isOtherSet;
    if (withManifest) {
      const slots = manifestSlots(published, orphans);
      records.push(await this.#manifestRecord({ ...origin, seq: nextSeq }, { slots, orphans }));
    }
    if (seen.heartbeat !== undefined) {
      records.push(await this.#nodeRecord(seen.lsn, seen.heartbeat));
    }
    await this.#writer.append(records);
    this.#published = published;
    this.#orphans = orphans;
    this.#nextSeq = withManifest ? nextSeq + 1 : nextSeq;
    this.#lastLsn = seen.lsn;
    return { events, withManifest };
  }

  /** Says on the nodes topic that this node published these slots, so that it owns them when it comes back as a standby. */
  async recordOwnership(): Promise<void> {
    const records: NewRecord[] = [];
    for (const each of this.#here) {
      records.push(await this.#slotStatusRecord(each));
    }
    if (records.length > 0) {
      await this.#writer.append(records);
    }
  }

  /** Says on the nodes topic what consumers asked of slots; the record of one that is published no more stays as it is. Rejects as `publish` does. */
  async recordAnswers(answers: readonly DueAnswer[]): Promise<void> {
    const records: NewRecord[] = [];
    for (const { slot, record } of answers) {
      const published = this.#published.get(slot);
      if (published !== undefined) {
        records.push(await this.#slotStatusRecord({ slot, incarnation: published.incarnation }, record));
      }
    }
    if (records.length > 0) {
      await this.#writer.append(records);
    }
  }

  close(): Promise<void> {
    return this.#writer.close();
  }

  get #here(): readonly Pick<SlotEvent, 'slot' | 'incarnation'>[] {
    return [...this.#published].flatMap(([slot, { incarnation, state }]) =>
      state.type === 'logical' && findOrphan(this.#orphans, incarnation) === undefined
        ? [{ slot, incarnation }]
        : [],
    );
  }

  #origin(lsn: Lsn): EventOrigin {
    const { epoch, node, history } = this.facts;
    return { lsn, timeline: history.timeline, epoch, seq: this.#nextSeq, node, time: this.#clock.now() };
  }

  async #slotRecords(events: readonly SlotEvent[]): Promise<NewRecord[]> {
    const records: NewRecord[] = [];
    for (const event of events) {
      const encoded = await this.#codec.encodeSlotEvent(this.facts.slotsTopic, event);
      records.push(...encoded.map((record) => ({ ...record, topic: this.facts.slotsTopic })));
      if (event.op === 'create' && event.state?.type === 'logical') {
        records.push(await this.#slotStatusRecord(event));
      }
    }
    return records;
  }

  async #manifestRecord(origin: EventOrigin, set: Pick<Manifest, 'slots' | 'orphans'>): Promise<NewRecord> {
    const { systemIdentifier, history, timelineNode, instance, lineage, slotsTopic } = this.facts;
    const { serverStartedAt, recoveredLsn } = this.facts;
    const manifest: Manifest = {
      ...origin,
      kind: 'manifest',
      systemIdentifier,
      history,
      timelineNode,
      instance,
      lineage,
      serverStartedAt,
      recoveredLsn,
      ...set,
    };
    return { ...(await this.#codec.encodeManifest(slotsTopic, manifest)), topic: slotsTopic };
  }

  async #nodeRecord(flushLsn: Lsn, heartbeat: Heartbeat): Promise<NewRecord> {
    const { nodesTopic, history } = this.facts;
    const facts = { ...this.facts, ...heartbeat, timeline: history.timeline, flushLsn };
    const status = primaryStatus(facts, this.#promotion, this.#clock.now());
    return { ...(await this.#codec.encodeNodeStatus(nodesTopic, status)), topic: nodesTopic };
  }

  async #slotStatusRecord(
    of: Pick<SlotEvent, 'slot' | 'incarnation'>,
    more: Partial<NodeSlotStatus> = {},
  ): Promise<NewRecord> {
    const { node, nodesTopic, lineage } = this.facts;
    const status: NodeSlotStatus = {
      kind: 'node_slot',
      node,
      slot: of.slot,
      role: 'primary',
      ownership: { incarnation: of.incarnation, lineage, proven: true },
      state: 'ready',
      reasons: [],
      ...more,
      time: this.#clock.now(),
    };
    return { ...(await this.#codec.encodeNodeSlotStatus(nodesTopic, status)), topic: nodesTopic };
  }
}
