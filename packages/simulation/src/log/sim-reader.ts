import {
  type KnownEnds,
  type LogBatch,
  type LogReader,
  LogUnavailableError,
  type MemoryTopic,
  TopicRecreatedError,
} from '@slotcast/event-log';
import type { SimTimer } from '../types.ts';
import type { SimBroker } from './sim-broker.ts';
import type { LogPlace } from './within.ts';

/** What a fetch takes. */
const FETCH_MS = [1, 5] as const;
/** One fetch in so many comes late, by up to this. */
const LATE_ONE_IN = 200;
const LATE_MS = 3_000;
/** A topic that is another one is only an alarm when it stays so. */
const CONFIRM_AFTER_MS = 1_000;
/** How long the brokers may be away before a reader gives up. */
const DEADLINE_MS = 600_000;

interface Waiting {
  readonly resolve: (batch: LogBatch) => void;
  readonly reject: (error: unknown) => void;
}

/** A reader. While the brokers are away it waits; what it gets it gets in an event of its own process. */
export class SimReader implements LogReader {
  readonly #broker: SimBroker;
  readonly #place: LogPlace;
  readonly #name: string;
  readonly #topic: MemoryTopic;
  readonly #ends: KnownEnds;
  readonly #unwatch: () => void;
  #position: bigint;
  #waiting: Waiting | undefined;
  #failure: Error | undefined;
  #fetch: SimTimer | undefined;
  #fetches = 0;
  #awaySince: SimTimer | undefined;

  /** Throws a LogUnavailableError when there is no such topic, a TopicRecreatedError when it ends before `position`. */
  constructor(
    broker: SimBroker,
    place: LogPlace,
    start: { readonly topic: string; readonly position: bigint; readonly ends: KnownEnds },
  ) {
    const { topic, position } = start;
    this.#ends = start.ends;
    this.#broker = broker;
    this.#place = place;
    this.#name = topic;
    this.#position = position;
    this.#topic = broker.existing(topic, `read topic ${topic}`);
    if (position > this.#topic.end) {
      throw new TopicRecreatedError(
        `topic ${topic} was read up to offset ${position}, but ends at ${this.#topic.end}`,
      );
    }
    const unwatchBroker = broker.watch(() => this.#look());
    const unwatchLink = place.link.onChange((state) => this.#onLink(state === 'up'));
    const stayAlive = place.process.onDeath(() => this.#unwatch());
    this.#unwatch = () => {
      unwatchBroker();
      unwatchLink();
      stayAlive();
    };
  }

  get position(): bigint {
    return this.#position;
  }

  next(signal: AbortSignal): Promise<LogBatch> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      const abort = (): void => {
        this.#waiting = undefined;
        this.#fetch?.cancel();
        this.#fetch = undefined;
        reject(signal.reason);
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting = {
        resolve: (batch) => {
          signal.removeEventListener('abort', abort);
          resolve(batch);
        },
        reject: (error) => {
          signal.removeEventListener('abort', abort);
          reject(error);
        },
      };
      this.#look();
    });
  }

  async close(): Promise<void> {
    this.#unwatch();
    this.#awaySince?.cancel();
    this.#fail(new LogUnavailableError(`the reader of topic ${this.#name} is closed`));
  }

  get #isReplaced(): boolean {
    return this.#broker.topic(this.#name) !== this.#topic;
  }

  /** Begins a fetch if there is something for who waits. Called in events of others, so it tells nothing itself. */
  #look(): void {
    const isDue = this.#isReplaced || this.#position < this.#topic.end;
    if (
      this.#waiting === undefined ||
      this.#fetch !== undefined ||
      !isDue ||
      this.#place.link.state !== 'up'
    ) {
      return;
    }
    const ms = this.#isReplaced ? CONFIRM_AFTER_MS : this.#fetchMs();
    this.#fetch = this.#place.world.after(ms, () => this.#take(), this.#place.process);
  }

  #fetchMs(): number {
    this.#fetches += 1;
    const { world, process } = this.#place;
    const drawn = world.chance(process.name, 'fetch', this.#name, this.#fetches);
    const [low, high] = FETCH_MS;
    const late = Math.floor(drawn * 1e6) % LATE_ONE_IN === 0 ? drawn * LATE_MS : 0;
    return low + drawn * (high - low) + late;
  }

  #take(): void {
    this.#fetch = undefined;
    if (this.#waiting === undefined || this.#place.link.state !== 'up') {
      return;
    }
    if (this.#isReplaced) {
      this.#fail(
        new TopicRecreatedError(
          `topic ${this.#name}, read up to offset ${this.#position}, is not the same topic any more`,
        ),
      );
      return;
    }
    const batch = this.#topic.read(this.#position);
    if (batch !== undefined) {
      this.#position = batch.position;
      this.#ends.reached(this.#name, batch.position);
      const waiting = this.#waiting;
      this.#waiting = undefined;
      waiting.resolve(batch);
    }
  }

  #onLink(isUp: boolean): void {
    if (isUp) {
      this.#awaySince?.cancel();
      this.#awaySince = undefined;
      this.#look();
      return;
    }
    const { world, process } = this.#place;
    this.#awaySince ??= world.after(
      DEADLINE_MS,
      () => this.#fail(new LogUnavailableError(`could not read topic ${this.#name} for ${DEADLINE_MS} ms`)),
      process,
    );
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#fetch?.cancel();
    this.#fetch = undefined;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(this.#failure);
  }
}
