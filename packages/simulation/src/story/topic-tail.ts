import type { LogRecord } from '@slotcast/event-log';
import type { SimBroker } from '../log/sim-broker.ts';

/** What a topic got since the last look, up to the first transaction that is open. */
export class TopicTail {
  readonly #broker: Pick<SimBroker, 'topic'>;
  readonly #name: string;
  #next = 0n;

  constructor(broker: Pick<SimBroker, 'topic'>, name: string) {
    this.#broker = broker;
    this.#name = name;
  }

  take(): readonly LogRecord[] {
    const topic = this.#broker.topic(this.#name);
    const from = this.#next;
    this.#next = topic?.end ?? 0n;
    return topic?.committedFrom(from).filter(({ offset }) => offset < this.#next) ?? [];
  }
}
