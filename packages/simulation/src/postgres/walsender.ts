import type { Delivery, Link, SimProcess, SubscriberOptions, Subscription, World } from '../types.ts';
import { Backend } from './backend.ts';
import { resetError } from './connection.ts';
import type { ServerCore } from './core.ts';
import { Decoder } from './decoder.ts';
import { requireWal } from './reading.ts';
import type { Receiver } from './receiver.ts';
import { changeSlot, confirmReceived, type Slot } from './slot.ts';
import { requireStreamable } from './slot-work.ts';
import { refusal } from './sqlstate.ts';

const WAY_MS = 1;

interface Place {
  readonly world: World;
  readonly core: ServerCore;
  readonly receiver: Receiver;
  readonly process: SimProcess;
  readonly link: Link;
  readonly databaseOid: number;
}

/** A client that streams from a logical slot, as `START_REPLICATION` lets it: with the walsender's side of it. */
export class Walsender implements Subscription {
  readonly #place: Place;
  readonly #options: SubscriberOptions;
  readonly #read = (): void => this.#readOn();
  readonly #outbox: Delivery[] = [];
  #backend: Backend | undefined;
  #slot: Slot | undefined;
  #decoder: Decoder | undefined;
  /** Index of the next record. */
  #next = 0;
  #isSending = false;
  #sent = 0;
  #isEnded = false;
  #unwatch: () => void = () => undefined;

  constructor(place: Place, options: SubscriberOptions) {
    this.#place = place;
    this.#options = options;
    const { link, process, world } = place;
    world
      .call(process, 'subscribe', () => this.#begin(), { link, refused: resetError })
      .catch((error: unknown) => this.#tellEnd(error instanceof Error ? error : new Error(String(error))));
  }

  confirm(lsn: number): void {
    const { link, process, world } = this.#place;
    const effect = (): undefined => {
      if (this.#slot !== undefined && this.#backend?.end === undefined) {
        confirmReceived(this.#slot, lsn);
      }
    };
    world.call(process, 'confirm', effect, { link, refused: resetError }).catch(() => undefined);
  }

  close(): void {
    this.#isEnded = true;
    this.#unwatch();
    const { link, process, world } = this.#place;
    const effect = (): undefined => {
      this.#backend?.terminate(new Error('the client has left'));
    };
    world.call(process, 'unsubscribe', effect, { link, refused: resetError }).catch(() => undefined);
  }

  #begin(): undefined {
    const { core, receiver, process, link, databaseOid, world } = this.#place;
    if (!core.running) {
      throw resetError();
    }
    const backend = new Backend(core, receiver, {
      process,
      databaseOid,
      user: 'subscriber',
      applicationName: this.#options.slot,
      isWalsender: true,
      onEnd: (error) => this.#onServerEnd(error),
    });
    try {
      this.#start(backend);
    } catch (error) {
      core.sessions.delete(backend);
      throw error;
    }
    this.#backend = backend;
    process.onDeath(() => backend.terminate(new Error('the client has died')));
    this.#unwatch = link.onChange((state) => {
      if (state === 'refusing') {
        backend.terminate(resetError());
        world.after(0, () => this.#tellEnd(resetError()), process);
      } else if (state === 'up') {
        this.#sendSoon();
      }
    });
    core.readers.add(this.#read);
    world.after(0, this.#read);
  }

  #start(backend: Backend): void {
    const { core } = this.#place;
    const slot = core.slots.acquire(this.#options.slot, backend.pid);
    requireStreamable(slot, backend);
    const restart = requireWal(core, slot);
    if (slot.brokenCatalog) {
      throw refusal('XX000', 'could not map filenumber to relation OID', 'ReorderBufferProcessTXN');
    }
    changeSlot(slot, { activePid: backend.pid, inactiveSince: undefined });
    const startDecodingAt = Math.max(slot.confirmedFlush ?? 0, this.#options.from ?? 0);
    this.#slot = slot;
    this.#sent = startDecodingAt;
    this.#decoder = new Decoder(slot, core.snapshots, { startDecodingAt });
    this.#next = core.wal.countBefore(restart);
  }

  #readOn(): void {
    const { core } = this.#place;
    if (this.#decoder === undefined || this.#backend?.end !== undefined) {
      return;
    }
    while (this.#next < core.readable) {
      const record = core.wal.at(this.#next);
      this.#next += 1;
      const transaction = this.#decoder.read(record);
      if (transaction !== undefined) {
        this.#outbox.push({ kind: 'transaction', ...transaction });
      }
      this.#sent = Math.max(this.#sent, record.end);
    }
    const end = Math.max(this.#sent, this.#options.from ?? 0);
    this.#outbox.push({ kind: 'keepalive', end });
    this.#sendSoon();
  }

  #sendSoon(): void {
    const { core, process, world } = this.#place;
    if (this.#isSending || this.#outbox.length === 0) {
      return;
    }
    this.#isSending = true;
    const way = world.chance(process.name, 'delivery', core.wal.length) * WAY_MS;
    world.after(way, () => this.#send(), process);
  }

  #send(): void {
    this.#isSending = false;
    if (this.#place.link.state !== 'up') {
      return;
    }
    for (const delivery of this.#outbox.splice(0)) {
      if (this.#isEnded) {
        return;
      }
      this.#options.onDelivery(delivery);
    }
  }

  #onServerEnd(error: Error): void {
    const { core, link, process, world } = this.#place;
    core.readers.delete(this.#read);
    const slot = this.#slot;
    if (slot?.activePid === this.#backend?.pid && slot !== undefined) {
      core.slots.release(slot, core.nowMs);
    }
    if (link.state === 'up') {
      world.after(WAY_MS, () => this.#tellEnd(error), process);
    }
  }

  #tellEnd(error: Error): void {
    if (!this.#isEnded) {
      this.#isEnded = true;
      this.#unwatch();
      this.#options.onEnd(error);
    }
  }
}
