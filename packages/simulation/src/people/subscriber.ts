import { Incarnation } from '../oracle/incarnation.ts';
import type { Delivery, SimProcess, SimServer, SimTimer, Subscription, World } from '../types.ts';

/** After a session that could not begin, or was broken off, until the next attempt. */
const RETRY_MS = 300;

/** How a subscriber goes about its position, which differs from client to client. */
interface SubscriberHabits {
  readonly slot: string;
  /** `own`: it asks for the end of the last transaction that it has (a subscription, Debezium); `slot`: it goes on where the slot stands. */
  readonly memory: 'own' | 'slot';
  /** Makes a slot anew that is missing, without a word (Debezium before 3.4), instead of stopping. */
  readonly recreates: boolean;
}

export interface SubscriberOptions extends SubscriberHabits {
  readonly world: World;
  readonly process: SimProcess;
  /** Object id of its database. */
  readonly database: number;
  /** The server that the proxy leads it to now. */
  readonly target: () => SimServer;
  /** It asks a server for a position. */
  readonly onConnect: (server: SimServer, asksFor: number) => void;
  /** A server has sent all that it will of what begins before `upTo`. */
  readonly onSent: (incarnation: Incarnation, server: SimServer, upTo: number) => void;
}

/** The program that reads a slot, such as Debezium or a subscription. It has what it received on disk before it confirms it. */
export class Subscriber {
  readonly #options: SubscriberOptions;
  #incarnation: Incarnation | undefined;
  #subscription: { readonly session: Subscription; readonly server: SimServer; ended: boolean } | undefined;
  #retrying: SimTimer | undefined;
  /** The server whose slot it used last. */
  #knownOn: SimServer | undefined;
  #ownPosition: number | undefined;
  #toConfirm = 0;
  #isHolding = false;
  #stopped: string | undefined;

  constructor(options: SubscriberOptions) {
    this.#options = options;
  }

  get slot(): string {
    return this.#options.slot;
  }

  /** What it has and is owed; absent before it was connected for the first time, and when a person has dropped its slot. */
  get incarnation(): Incarnation | undefined {
    return this.#incarnation;
  }

  /** Why it does not try any more, which somebody is told of. */
  get stopped(): string | undefined {
    return this.#stopped;
  }

  get isConnected(): boolean {
    return this.#subscription !== undefined;
  }

  /** The position that it will ask for. */
  get asksFor(): number | undefined {
    return this.#options.memory === 'own' ? this.#ownPosition : undefined;
  }

  /** Connects, or begins to try. One that had stopped is started again by a person. */
  connect(): void {
    this.#stopped = undefined;
    this.#tryToConnect();
  }

  /** Breaks off, with what it has on disk, and connects again after a while. */
  crash(): void {
    this.#breakOff();
    this.#retry();
  }

  /** Goes to the server that the proxy leads to then. */
  moveOver(afterMs: number): void {
    this.#breakOff();
    this.#retry(afterMs);
  }

  /** Breaks off, and stays away until it is started again. */
  leave(): void {
    this.#breakOff();
    this.#stopped = 'a person has stopped it';
  }

  hold(): void {
    this.#isHolding = true;
  }

  /** Confirms what it has, and from now on at once. */
  confirm(): void {
    this.#isHolding = false;
    if (this.#toConfirm > 0) {
      this.#subscription?.session.confirm(this.#toConfirm);
    }
  }

  /** A person has dropped its slot, or put it elsewhere: what it was owed before is given up, and it starts over with what stands there now. */
  touched(server: SimServer): void {
    const isInUse = server === this.#options.target() && !server.inRecovery;
    if (this.#knownOn !== undefined && this.#knownOn !== server && !isInUse) {
      return;
    }
    const found = server.slots.find(({ name }) => name === this.#options.slot);
    this.#incarnation = undefined;
    this.#ownPosition = undefined;
    // One that is still in the making is met when it can be used: what is committed until then it never promised.
    if (found?.confirmedFlush !== undefined) {
      this.#begin(server, found.confirmedFlush);
    }
  }

  /** Its server is as it was at an earlier moment: it goes on from there, and has what it has. */
  restored(server: SimServer): void {
    const before = this.#incarnation;
    this.touched(server);
    if (before !== undefined && before !== this.#incarnation) {
      this.#incarnation?.receive(before.received);
    }
  }

  #tryToConnect(): void {
    const { slot, process, target } = this.#options;
    if (this.#subscription !== undefined || this.#stopped !== undefined) {
      return;
    }
    const server = target();
    if (!server.running || server.inRecovery) {
      this.#retry();
      return;
    }
    if (!this.#meet(server)) {
      return;
    }
    const from = this.asksFor;
    if (from !== undefined) {
      this.#options.onConnect(server, from);
    }
    const connected = { ended: false };
    const session = server.subscribe(process, {
      slot,
      ...(from === undefined ? {} : { from }),
      onDelivery: (delivery) => {
        if (!connected.ended) {
          this.#receive(server, delivery);
        }
      },
      onEnd: (error) => {
        if (!connected.ended) {
          connected.ended = true;
          this.#ended(server, error);
        }
      },
    });
    this.#toConfirm = 0;
    this.#subscription = Object.assign(connected, { session, server });
  }

  /** Looks at the slot before it is used. False when it is missing and nothing can be done about it now. */
  #meet(server: SimServer): boolean {
    const { slot, recreates } = this.#options;
    const found = server.slots.find(({ name }) => name === slot);
    if (found?.type === 'physical') {
      return this.#stop(`a physical slot has the name of its slot on ${server.node}`);
    }
    if (found?.confirmedFlush === undefined && found !== undefined) {
      this.#retry();
      return false;
    }
    if (found === undefined) {
      return recreates ? this.#recreate(server) : this.#stop(`its slot is missing on ${server.node}`);
    }
    if (this.#incarnation === undefined) {
      this.#begin(server, found.confirmedFlush ?? server.insertLsn);
    }
    this.#knownOn = server;
    this.#incarnation?.connect();
    return true;
  }

  #begin(server: SimServer, startLsn: number): void {
    const { slot, database } = this.#options;
    this.#incarnation = new Incarnation({ slot, database, startLsn, line: server.line });
    this.#ownPosition = undefined;
  }

  #recreate(server: SimServer): boolean {
    const { slot } = this.#options;
    try {
      server.createSlot(slot);
    } catch {
      // There is no room for it, as it seems.
    }
    this.#incarnation = undefined;
    // Until it can be decoded from.
    this.#retry();
    return false;
  }

  #receive(server: SimServer, delivery: Delivery): void {
    const incarnation = this.#incarnation;
    if (incarnation === undefined) {
      return;
    }
    if (delivery.kind === 'transaction') {
      this.#options.onSent(incarnation, server, delivery.start);
      incarnation.receive(delivery.rows);
      this.#ownPosition = delivery.end;
    }
    this.#options.onSent(incarnation, server, delivery.end);
    this.#toConfirm = Math.max(this.#toConfirm, delivery.end);
    if (!this.#isHolding) {
      this.#subscription?.session.confirm(this.#toConfirm);
    }
  }

  #ended(server: SimServer, error: Error): void {
    this.#subscription = undefined;
    const code = 'code' in error ? String(error.code) : '';
    if (code === '42704' && this.#options.recreates) {
      this.#retry();
    } else if (['42704', '58P01', 'XX000', '55000', '42809'].includes(code)) {
      this.#stop(`${server.node} refuses its slot: ${error.message}`);
    } else {
      this.#retry();
    }
  }

  #stop(why: string): false {
    this.#stopped = why;
    return false;
  }

  #breakOff(): void {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    if (subscription !== undefined) {
      subscription.ended = true;
      subscription.session.close();
    }
  }

  #retry(ms = RETRY_MS): void {
    const { world } = this.#options;
    this.#retrying?.cancel();
    this.#retrying = world.after(ms, () => this.#tryToConnect());
  }
}
