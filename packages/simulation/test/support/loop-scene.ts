import type { Manifest, NodeSlotStatus, NodeStatus, SlotEvent } from '@slotcast/domain';
import type { LogRecord } from '@slotcast/event-log';
import { sharedCodec } from '../../src/log/cached-codec.ts';
import type { SimBroker } from '../../src/log/sim-broker.ts';
import { Server } from '../../src/postgres/server.ts';
import type { Note, SimProcess, Subscription } from '../../src/types.ts';
import { NodeServices } from '../../src/world/node-services.ts';
import { SimWorld } from '../../src/world/sim-world.ts';

/** A primary `a` and its standby `b`, with those of their services that a test starts. */
export class LoopScene {
  readonly world: SimWorld;
  readonly primary: Server;
  readonly standby: Server;
  readonly services: NodeServices;
  readonly notes: Note[] = [];
  readonly #subscriber: SimProcess;

  constructor(seed = 1) {
    this.world = new SimWorld(seed);
    this.#subscriber = this.world.spawn('subscriber');
    this.primary = Server.createPrimary(this.world, 'a');
    this.standby = this.primary.addStandby('b');
    this.services = new NodeServices({
      world: this.world,
      servers: new Map([this.primary, this.standby].map((server) => [server.node, server])),
      settings: { onDivergence: 'fence', logLevel: 'info', pollMs: { min: 10, max: 500 } },
      onNote: (note) => this.notes.push(note),
    });
  }

  get broker(): SimBroker {
    return this.services.broker;
  }

  run(ms: number): Promise<void> {
    return this.world.run(ms);
  }

  /** Writes rows, and returns the end of WAL behind them. */
  insert(rows = 1): number {
    const xid = this.primary.begin();
    this.primary.write(xid, rows);
    this.primary.commit(xid);
    return this.primary.insertLsn;
  }

  /** A client of a slot of the primary that confirms all it gets at once. */
  subscribe(slot: string): Subscription {
    const session: Subscription = this.primary.subscribe(this.#subscriber, {
      slot,
      onDelivery: ({ end }) => session.confirm(end),
      onEnd: (error) => this.world.fail(error),
    });
    return session;
  }

  /** Where a slot stands on a server; `undefined` where it is not. */
  position(server: Server, slot: string): number | undefined {
    return server.slots.find(({ name }) => name === slot)?.confirmedFlush;
  }

  /** All that was committed to the slots topic, oldest first. */
  async published(): Promise<(SlotEvent | Manifest)[]> {
    const records = await Promise.all(
      this.#records(this.services.topics.slots).map((record) => sharedCodec.decodeSlotsRecord(record)),
    );
    return records.map((record) => {
      if (record.kind === 'malformed') {
        throw new Error(`a malformed record: ${record.reason}`);
      }
      return record;
    });
  }

  /** All events of a slot, oldest first; a drop is two records, the second a tombstone. */
  async events(slot: string): Promise<SlotEvent[]> {
    const published = await this.published();
    return published.filter((record): record is SlotEvent => record.kind === 'slot' && record.slot === slot);
  }

  /** What a node told of a slot, or of itself, oldest first. */
  async told(node: string): Promise<(NodeStatus | NodeSlotStatus)[]> {
    const records = await Promise.all(
      this.#records(this.services.topics.nodes).map((record) => sharedCodec.decodeNodesRecord(record)),
    );
    return records.filter(
      (record): record is NodeStatus | NodeSlotStatus =>
        (record.kind === 'node' || record.kind === 'node_slot') && record.node === node,
    );
  }

  /** States of a slot on a node as its records told them, each once. */
  async states(node: string, slot: string): Promise<string[]> {
    const states: string[] = [];
    for (const record of await this.told(node)) {
      if (record.kind === 'node_slot' && record.slot === slot && record.state !== states.at(-1)) {
        states.push(record.state);
      }
    }
    return states;
  }

  #records(topic: string): readonly LogRecord[] {
    return this.broker.topic(topic)?.committed ?? [];
  }
}
