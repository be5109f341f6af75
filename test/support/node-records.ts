import { type NodeSlotStatus, type NodeStatus, type ReadinessState, reasonText } from '@slotcast/domain';
import {
  type EventLog,
  type LogReader,
  type LogRecord,
  LogUnavailableError,
  replayTopic,
} from '@slotcast/event-log';
import type { Codec } from '@slotcast/event-schema';
import { waitUntil } from '@slotcast/testkit';

/** Why a slot is not ready, as a sentence; empty when it is, or nothing was said. */
export function whyOf(status: NodeSlotStatus | undefined): string {
  return reasonText(status?.reasons ?? []);
}

/** Follows a nodes topic as an operator's tool would. */
export class NodeRecords {
  readonly #slots = new Map<string, NodeSlotStatus>();
  readonly #everSaid: NodeSlotStatus[] = [];
  readonly #nodes = new Map<string, NodeStatus>();
  readonly #stop = new AbortController();
  #following: Promise<void> = Promise.resolve();

  static async follow(log: EventLog, codec: Codec, topic: string): Promise<NodeRecords> {
    const records = new NodeRecords();
    const take = records.#take.bind(records, codec);
    const { signal } = records.#stop;
    const reader = await replayTopic({ log, topic, onRecords: take, signal });
    records.#following = records.#follow(log, topic, reader, take);
    return records;
  }

  slot(node: string, slot: string): NodeSlotStatus | undefined {
    return this.#slots.get(`${node}/${slot}`);
  }

  node(node: string): NodeStatus | undefined {
    return this.#nodes.get(node);
  }

  /** Waits until the slot is in this state on this node, with a reason that matches if one is given. */
  async waitForState(
    node: string,
    slot: string,
    state: ReadinessState | undefined,
    options: { reason?: RegExp; timeoutMs?: number } = {},
  ): Promise<void> {
    const { reason, timeoutMs = 60_000 } = options;
    await waitUntil(
      () => {
        const status = this.slot(node, slot);
        return status?.state === state && (reason === undefined || reason.test(whyOf(status)));
      },
      {
        timeoutMs,
        describe: () => {
          const seen = this.slot(node, slot);
          return `${node}/${slot} ${state ?? 'gone'} ${reason ?? ''} (last seen: ${seen?.state ?? 'nothing'} ${whyOf(seen)})`;
        },
      },
    );
  }

  /** Waits until the node has said this of the slot at some time after `since`, even if it says something else by now. */
  async waitUntilSaid(
    node: string,
    slot: string,
    state: ReadinessState,
    { reason, since }: { readonly reason: RegExp; readonly since: number },
  ): Promise<void> {
    await waitUntil(
      () =>
        this.#everSaid.some(
          (status) =>
            status.node === node &&
            status.slot === slot &&
            status.state === state &&
            status.time >= since &&
            reason.test(whyOf(status)),
        ),
      { describe: () => `${node}/${slot} ${state} ${reason} (last: ${whyOf(this.slot(node, slot))})` },
    );
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  /** Goes on through an outage of the broker, from the record where it stood. */
  async #follow(
    log: EventLog,
    topic: string,
    first: LogReader,
    take: (records: readonly LogRecord[]) => Promise<void>,
  ): Promise<void> {
    const { signal } = this.#stop;
    let reader: LogReader | undefined = first;
    let { position } = first;
    while (!signal.aborted) {
      try {
        reader ??= await log.read(topic, position);
        const batch = await reader.next(signal);
        await take(batch.records);
        position = batch.position;
      } catch (error) {
        await reader?.close();
        reader = undefined;
        if (!signal.aborted && !(error instanceof LogUnavailableError)) {
          throw error;
        }
      }
    }
    await reader?.close();
  }

  async #take(codec: Codec, records: readonly LogRecord[]): Promise<void> {
    for (const record of records) {
      const status = await codec.decodeNodesRecord(record);
      if (status.kind === 'node') {
        this.#nodes.set(status.node, status);
      } else if (status.kind === 'node_slot') {
        this.#slots.set(`${status.node}/${status.slot}`, status);
        this.#everSaid.push(status);
      } else if (status.kind === 'node_tombstone' && status.slot !== undefined) {
        this.#slots.delete(`${status.node}/${status.slot}`);
      }
    }
  }
}
