import { waitPatiently } from './patience.ts';
import { readSlots, type SlotPlace } from './server-facts.ts';
import { SLOTS } from './shop.ts';
import { readSlotReasons } from './slot-reasons.ts';
import { readPublishingEpoch, readSlotStates } from './slot-states.ts';
import type { Node, Stage } from './stage.ts';

const TIMEOUT_MS = 120_000;

export interface ReadinessGoal {
  /** The standbys whose slots have to be ready. */
  readonly standbys: readonly Node[];
  /** Slots that do not stand beyond this position do not count: they are from before. */
  readonly beyondLsn?: string;
}

/** Waits for slots, by what a user sees too: the metrics pages of the services and pg_replication_slots. */
export class SlotWatch {
  readonly #stage: Stage;
  readonly #expectApplications: () => void;
  #states = new Map<string, ReadonlyMap<string, string>>();

  /** `expectApplications` throws when a client of the servers has given up. */
  constructor(stage: Stage, expectApplications: () => void) {
    this.#stage = stage;
    this.#expectApplications = expectApplications;
  }

  /** How many slots are ready, and what the others are. */
  summary(): string {
    const states = [...this.#states].flatMap(([node, slots]) =>
      SLOTS.map((slot) => ({ node, slot, state: slots.get(slot) ?? 'unknown' })),
    );
    const others = states.filter(({ state }) => state !== 'ready');
    const shown = others.map(({ node, slot, state }) => `${node}/${slot} ${state}`).join(', ');
    return `${states.length - others.length} of ${states.length} ready${shown === '' ? '' : `; ${shown}`}`;
  }

  /** Waits until every slot is ready on these standbys; throws a DemoFailure with the reasons when the time is over. */
  async untilReady({ standbys, beyondLsn }: ReadinessGoal): Promise<void> {
    this.#states = new Map();
    await waitPatiently({
      what: `all slots to be ready on ${standbys.map(({ name }) => name).join(' and ')}`,
      timeoutMs: TIMEOUT_MS,
      look: async () => {
        const ready = await Promise.all(standbys.map((node) => this.#isReady(node, beyondLsn)));
        return ready.every(Boolean);
      },
      explain: () => this.#explain(standbys),
    });
  }

  /** Waits until the publisher of this node publishes; returns its epoch. */
  untilPublishing(node: Node): Promise<number> {
    return waitPatiently({
      what: `the ${node.publisher.name} to publish`,
      timeoutMs: TIMEOUT_MS,
      look: async () => {
        await this.#expectServices([node]);
        return readPublishingEpoch((await node.publisher.page('/metrics')) ?? '');
      },
      explain: () => this.#explain([node]),
    });
  }

  async #isReady(node: Node, beyondLsn: string | undefined): Promise<boolean> {
    await this.#expectServices([node]);
    const states = readSlotStates((await node.consumer.page('/metrics')) ?? '');
    this.#states.set(node.name, states);
    if (!SLOTS.every((slot) => states.get(slot) === 'ready')) {
      return false;
    }
    const slots = await readSlots(node.server, beyondLsn);
    return SLOTS.every((slot) => slots.get(slot)?.isBeyond === true);
  }

  async #expectServices(nodes: readonly Node[]): Promise<void> {
    this.#expectApplications();
    for (const { publisher, consumer } of nodes) {
      await publisher.expectRunning();
      await consumer.expectRunning();
    }
  }

  async #explain(nodes: readonly Node[]): Promise<readonly string[]> {
    const pages = nodes.map(async ({ name, server, publisher, consumer }) => [
      `${publisher.name}, /readyz: ${(await publisher.page('/readyz')) ?? 'no answer'}`.trimEnd(),
      `${consumer.name}, /readyz: ${(await consumer.page('/readyz')) ?? 'no answer'}`.trimEnd(),
      `${name}, pg_replication_slots: ${describeSlots(await readSlots(server))}`,
    ]);
    const running = [this.#stage.primary, ...this.#stage.standbys].flatMap(({ publisher, consumer }) =>
      [publisher, consumer].filter((service) => service.isRunning),
    );
    return [
      this.summary(),
      ...(await Promise.all(pages)).flat(),
      ...(await readSlotReasons(this.#stage)),
      ...(await Promise.all(running.map((service) => service.logTail()))),
    ];
  }
}

function describeSlots(slots: ReadonlyMap<string, SlotPlace>): string {
  const shown = [...slots.values()].map(
    ({ name, restartLsn, confirmedFlushLsn }) =>
      `${name} restart ${restartLsn} confirmed ${confirmedFlushLsn}`,
  );
  return shown.length === 0 ? 'no logical slots' : shown.join(', ');
}
