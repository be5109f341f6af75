import { isPrepared } from '@slotcast/domain';
import type { CalmFacts } from '../oracle/calm.ts';
import { isReadyCopy } from '../oracle/good-copy.ts';
import type { Sizes } from '../oracle/growth.ts';
import { Judge } from '../oracle/judge.ts';
import { readOrigin, readStandby } from '../oracle/origin.ts';
import type { ReadySlot } from '../oracle/ready-watch.ts';
import { Application } from '../people/application.ts';
import { Subscriber } from '../people/subscriber.ts';
import type { DataDirectory } from '../postgres/data-directory.ts';
import { Server } from '../postgres/server.ts';
import type { LinkState, SimServer, SimSlot } from '../types.ts';
import { NodeServices } from '../world/node-services.ts';
import type { SimWorld } from '../world/sim-world.ts';
import { type Cast, type CastSlot, type ServiceName, serviceNames } from './act.ts';
import { readCalmFacts } from './calm-facts.ts';
import type { Stage } from './perform.ts';
import { ReadySlots } from './ready-slots.ts';
import { TopicTail } from './topic-tail.ts';

/** So that what was done right before is known to the publisher, which looks every 500 ms at least. */
const ASKED_LATER_MS = 2000;

/** Slower than a user's, as most looks find nothing. */
const USUAL_POLL_MS = { min: 100, max: 500 };
/** Object id of the database that all slots are in. */
const DATABASE = 16_384;

/** The world of one story: servers, the services beside them, the log, those who use them, and who judges. */
export class Scene implements Stage {
  readonly world: SimWorld;
  readonly application: Application;
  readonly subscribers = new Map<string, Subscriber>();
  readonly judge: Judge;
  readonly #servers = new Map<string, Server>();
  readonly #services: NodeServices;
  readonly #readySlots: ReadySlots;
  readonly #published: TopicTail;
  readonly #told: TopicTail;
  /** Nodes of which something was on record while their servers were standbys. */
  readonly #recorded = new Set<string>();
  readonly #backups = new Map<string, DataDirectory>();
  /** Servers that were copied from others, and that nobody was led to. */
  readonly #copies = new Set<string>();
  readonly #cast: Cast;
  #target: Server;

  constructor(
    world: SimWorld,
    cast: Cast,
    { logLevel = 'warn' }: { readonly logLevel?: 'info' | 'warn' } = {},
  ) {
    this.world = world;
    this.#cast = cast;
    this.#target = this.#makeServers(cast);
    const target = (): SimServer => this.#target;
    this.application = new Application({ world, target });
    this.judge = new Judge({
      servers: () => [...this.#servers.values()],
      target,
      subscribers: () => this.subscribers.values(),
      unattendedUntil: (node) => this.#services.unattendedUntil(node),
      now: () => world.now,
      soon: (work) => world.after(0, work),
    });
    for (const server of this.#servers.values()) {
      this.#watchDrops(server);
    }
    this.#services = new NodeServices({
      world,
      servers: this.#servers,
      settings: {
        onDivergence: cast.onDivergence,
        wanted: cast.wanted ?? {},
        pollMs: cast.pollMs ?? USUAL_POLL_MS,
        logLevel,
      },
      onNote: (note) => this.judge.note(note),
    });
    this.#readySlots = new ReadySlots(this.#services, () => world.wallMsOf('kafka') - world.now);
    this.#published = new TopicTail(this.#services.broker, this.#services.topics.slots);
    this.#told = new TopicTail(this.#services.broker, this.#services.topics.nodes);
    this.#services.broker.watch(() => this.#readTopic());
    for (const slot of cast.slots) {
      this.#makeSubscriber(slot);
    }
    for (const node of cast.nodes) {
      this.#startServices(node);
    }
  }

  has(node: string): boolean {
    return this.#servers.has(node);
  }

  server(node: string): Server {
    const server = this.#servers.get(node);
    if (server === undefined) {
      throw new RangeError(`no server ${node} in this story`);
    }
    return server;
  }

  touched(server: SimServer, slot: string): void {
    if (server.inRecovery) {
      this.judge.touched(server, slot);
    }
    this.subscribers.get(slot)?.touched(server);
  }

  /** How things stand, for when all is calm since `since`, of the world. */
  calmFacts(since: number): Promise<CalmFacts> {
    return readCalmFacts({
      cast: this.#cast,
      primary: this.#target,
      servers: [...this.#servers.values()],
      services: this.#services,
      notes: this.judge.notes,
      since: this.world.wallMsOf('kafka') - this.world.now + since,
    });
  }

  /** What could grow. */
  sizes(): Sizes {
    const servers = [...this.#servers.values()];
    const { broker, topics } = this.#services;
    return {
      at: this.world.now,
      sessions: new Map(servers.map(({ node, core }) => [node, core.sessions.size])),
      ownSlots: new Map(servers.map(({ node, slots }) => [node, slots.filter(isOwn).length])),
      records: new Map(Object.values(topics).map((topic) => [topic, Number(broker.topic(topic)?.end ?? 0n)])),
    };
  }

  /** Nodes, and slots on nodes: each is written about. */
  get writers(): number {
    return this.#servers.size * (1 + this.subscribers.size);
  }

  /** Which slots of standbys are called ready. */
  readySlots(): Promise<ReadySlot[]> {
    const servers = [...this.#servers.values()];
    return this.#readySlots.read({ primary: this.#target, servers, subscribers: this.subscribers });
  }

  kill(node: string, service: ServiceName, stays: boolean): void {
    this.#services.kill(node, service, stays);
  }

  prepare(node: string): void {
    const before = this.#badCopiesOn(node);
    this.world.after(ASKED_LATER_MS, () =>
      this.#services.prepare(node, (prepared) => {
        if (isPrepared(prepared)) {
          const still = this.#badCopiesOn(node);
          this.judge.calledSafe(
            node,
            before.filter((slot) => still.includes(slot)),
          );
        }
      }),
    );
  }

  freeze(node: string, service: ServiceName): void {
    this.#services.freeze(node, service);
  }

  wake(node: string, service: ServiceName): void {
    this.#services.wake(node, service);
  }

  kafka(state: LinkState, process: string | undefined): void {
    const all = [...this.#servers.keys()].flatMap((node) => serviceNames.map((name) => `${name}@${node}`));
    for (const name of process === undefined ? all : [process]) {
      this.world.link(`kafka:${name}`).set(state);
    }
  }

  stream(node: string, state: LinkState): void {
    this.world.link(`stream:${node}`).set(state);
  }

  rejoin(node: string, upstream: string): void {
    const [server, other] = [this.server(node), this.server(upstream)];
    if (server !== other && other.running && !other.inRecovery) {
      this.application.lost(server);
      server.rewind(other);
    }
  }

  follow(node: string, upstream: string): void {
    const [server, other] = [this.server(node), this.server(upstream)];
    if (server !== other && server.inRecovery) {
      server.follow(other);
    }
  }

  backup(node: string): void {
    this.#backups.set(node, this.server(node).copyDisk());
  }

  /** It stays down. */
  restore(node: string): void {
    const backup = this.#backups.get(node);
    if (backup !== undefined) {
      const server = this.server(node);
      this.application.lost(server);
      server.restore(backup);
      // What a subscriber has beyond that is the business of who restored it.
      for (const subscriber of this.subscribers.values()) {
        subscriber.restored(server);
      }
    }
  }

  clone(node: string, name: string): void {
    if (this.has(name)) {
      return;
    }
    const copy = this.server(node).cloneAs(name);
    this.#servers.set(name, copy);
    this.#copies.add(name);
    this.#watchDrops(copy);
    copy.start();
    this.#startServices(name);
  }

  point(node: string, afterMs: number): void {
    this.#target = this.server(node);
    this.#copies.delete(node);
    for (const subscriber of this.subscribers.values()) {
      subscriber.moveOver(afterMs);
    }
  }

  /** Slots that a standby wants, and that would not give their subscribers all that they lack, were it promoted now, as another server would. What nobody has is lost either way. */
  #badCopiesOn(node: string): string[] {
    const server = this.server(node);
    const { line } = this.#target;
    const onLine = [...this.#servers.values()].filter(
      (each) => each.running && line.partsAt(each.line) >= each.line.end,
    );
    if (!onLine.includes(server) || !server.inRecovery) {
      return [];
    }
    const wanted = this.#cast.wanted?.[node];
    return [...this.subscribers.values()].flatMap(({ slot, incarnation, asksFor }) => {
      if (incarnation === undefined || wanted?.includes(slot) === false) {
        return [];
      }
      const good = onLine.filter((each) => isReadyCopy(each, incarnation, { asksFor }));
      return good.length > 0 && !good.includes(server) ? [slot] : [];
    });
  }

  #makeServers({ nodes, maxReplicationSlots = {} }: Cast): Server {
    const [first, ...others] = nodes;
    if (first === undefined) {
      throw new RangeError('a story needs a node');
    }
    const limit = (node: string) => {
      const slots = maxReplicationSlots[node];
      return slots === undefined ? {} : { maxReplicationSlots: slots };
    };
    const primary = Server.createPrimary(this.world, first, limit(first));
    this.#servers.set(first, primary);
    for (const node of others) {
      this.#servers.set(node, primary.addStandby(node, limit(node)));
    }
    return primary;
  }

  #startServices(node: string): void {
    for (const service of serviceNames) {
      this.#services.start(node, service);
    }
  }

  #watchDrops(server: Server): void {
    server.onDrop(({ slot, by }) => {
      this.judge.drops(server, slot, by?.name.startsWith('subscriber') === true ? undefined : by?.name);
    });
  }

  /** Shows the judge what was committed to the slots topic since the last time. */
  #readTopic(): void {
    for (const { headers } of this.#told.take()) {
      const standby = readStandby(headers);
      if (standby !== undefined) {
        this.#recorded.add(standby);
      }
    }
    for (const record of this.#published.take()) {
      const published = readOrigin(record.headers);
      const server = this.#servers.get(published?.node ?? '');
      if (published !== undefined && server !== undefined) {
        const { node } = published;
        const known = { isCopy: this.#copies.has(node), isRecorded: this.#recorded.has(node) };
        this.judge.published(published, server, known);
      }
    }
  }

  #makeSubscriber(slot: CastSlot): void {
    const { name, memory, recreates = false, late = false, twoPhase = false } = slot;
    const subscriber = new Subscriber({
      slot: name,
      memory,
      recreates,
      world: this.world,
      process: this.world.spawn(`subscriber:${name}`),
      database: DATABASE,
      target: () => this.#target,
      onConnect: (server, asksFor) => this.judge.connected(name, server, asksFor),
      onSent: (incarnation, server, upTo) => this.judge.sent(incarnation, server, upTo),
    });
    this.subscribers.set(name, subscriber);
    if (!late) {
      this.#target.createSlot(name, { twoPhase });
      subscriber.connect();
    }
  }
}

function isOwn({ name }: SimSlot): boolean {
  return name.startsWith('slotcast_');
}
