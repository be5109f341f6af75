import { type ClusterFacts, clusterFacts, type Heartbeat, isRecent, SlotTracks } from '@slotcast/domain';
import { type Clock, Deadline } from '@slotcast/kernel';
import { NodesReader } from './nodes-reader.ts';
import { SilenceMeter } from './silence-meter.ts';
import { SlotsReader } from './slots-reader.ts';
import type { TopicsAccess, TopicsContext, UnusableRecord } from './topics-context.ts';

export interface ClusterReaderOptions extends TopicsAccess {
  readonly clock: Clock;
}

/** Both topics of a cluster, for a command that answers by them alone, without any server's help. */
export class ClusterReader {
  readonly slots: SlotsReader;
  readonly nodes: NodesReader;
  /** What was skipped. */
  readonly unusable: UnusableRecord[] = [];
  readonly #clock: Clock;
  readonly #tracks = new SlotTracks();

  private constructor(options: ClusterReaderOptions) {
    const { clock, ...access } = options;
    this.#clock = clock;
    const context: TopicsContext = {
      ...access,
      silence: new SilenceMeter(clock),
      onUnusable: (record) => this.unusable.push(record),
    };
    this.slots = new SlotsReader(context, (records) =>
      records.forEach((record) => this.#tracks.take(record)),
    );
    this.nodes = new NodesReader(context);
  }

  /**
   * Reads all that anybody has committed by now, also behind transactions that are open: what is not there is told of, too. Rejects as
   * `replayTopic` and `readToWrittenEnd` do.
   */
  static async read(options: ClusterReaderOptions, signal: AbortSignal): Promise<ClusterReader> {
    const cluster = new ClusterReader(options);
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const readings = [cluster.slots, cluster.nodes].map(async (reader) => {
      try {
        await reader.replay(both);
        await reader.readToWrittenEnd(both);
      } catch (error) {
        stop.abort(error);
        throw error;
      }
    });
    await Promise.allSettled(readings);
    try {
      await Promise.all(readings);
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /** All that is known now; `undefined` as long as no publisher has written a manifest. */
  facts(): ClusterFacts | undefined {
    return clusterFacts(this.slots.topic, this.nodes.topic, this.#tracks);
  }

  /**
   * The last that was heard of the publisher, `undefined` when nothing was. When it is not recent, waits so long for another one: only
   * one that arrives now tells a publisher that is silent from a clock that is wrong. It is as it was when it was judged, however long ago
   * that is when it is shown.
   */
  async awaitHeartbeat(patienceMs: number, signal: AbortSignal): Promise<Heartbeat | undefined> {
    using patience = new Deadline(signal, patienceMs);
    try {
      for (;;) {
        const heartbeat = this.#heartbeat();
        if (heartbeat === undefined || isRecent(heartbeat)) {
          return heartbeat;
        }
        await this.slots.next(patience.signal);
      }
    } catch (error) {
      if (!patience.expired) {
        throw error;
      }
      return this.#heartbeat();
    }
  }

  #heartbeat(): Heartbeat | undefined {
    const { manifest } = this.slots.topic;
    if (manifest === undefined) {
      return undefined;
    }
    const { writtenAt, heardAtMs } = manifest;
    const sinceMs = heardAtMs === undefined ? 0 : this.#clock.monotonicMs() - heardAtMs;
    return {
      aheadMs: writtenAt - (this.#clock.now() - sinceMs),
      live: heardAtMs !== undefined,
      silentMs: this.slots.publisherSilentMs,
    };
  }

  /** Takes what comes until the signal is aborted; rejects with its reason then, and when a topic cannot be read on. */
  async follow(signal: AbortSignal): Promise<never> {
    return await Promise.race([this.slots.follow(signal, ignore), this.nodes.follow(signal, ignore)]);
  }

  async close(): Promise<void> {
    await Promise.all([this.slots.close(), this.nodes.close()]);
  }
}

function ignore(): void {}
