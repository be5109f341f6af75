import { WISH_LIFETIME_MS } from '@slotcast/domain';
import type { EventLog, LogRecord } from '@slotcast/event-log';
import type { Codec } from '@slotcast/event-schema';
import type { Clock } from '@slotcast/kernel';

/** Listens to the nodes topic for consumers that wait for a running-xacts record. */
export class Wishes {
  readonly #codec: Codec;
  readonly #clock: Clock;
  readonly #onWish: () => void;
  /** Monotonic time of each node's last wish. */
  readonly #wishedAt = new Map<string, number>();

  constructor(options: { codec: Codec; clock: Clock; onWish: () => void }) {
    this.#codec = options.codec;
    this.#clock = options.clock;
    this.#onWish = options.onWish;
  }

  /** Nodes whose wish stands now. */
  standing(): string[] {
    const oldest = this.#clock.monotonicMs() - WISH_LIFETIME_MS;
    return [...this.#wishedAt].filter(([, at]) => at >= oldest).map(([node]) => node);
  }

  /** Reads until the signal is aborted, and then resolves; rejects when the topic cannot be read on. */
  async listen(log: EventLog, topic: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#follow(log, topic, signal);
    } catch (error) {
      if (!signal.aborted) {
        throw error;
      }
    }
  }

  async #follow(log: EventLog, topic: string, signal: AbortSignal): Promise<never> {
    // Wishes from before the start are stale, or will be repeated.
    const reader = await log.read(topic, await log.endOffset(topic));
    try {
      for (;;) {
        const batch = await reader.next(signal);
        await this.#take(batch.records);
      }
    } finally {
      await reader.close();
    }
  }

  async #take(records: readonly LogRecord[]): Promise<void> {
    for (const record of records) {
      const status = await this.#codec.decodeNodesRecord(record);
      if (status.kind !== 'node') {
        continue;
      }
      if (status.wantsStandbySnapshot) {
        this.#wishedAt.set(status.node, this.#clock.monotonicMs());
        this.#onWish();
      } else {
        this.#wishedAt.delete(status.node);
      }
    }
  }
}
