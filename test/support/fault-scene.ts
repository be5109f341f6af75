import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatLsn, type Lsn, minLsn, type Promotion, parseLsn } from '@slotcast/domain';
import { replayTopic } from '@slotcast/event-log';
import { type PostgresServer, waitUntil } from '@slotcast/testkit';
import { FaultGate, type FaultSide, type SeenStep } from './fault-gate.ts';
import { whyOf } from './node-records.ts';
import { position, ROLE, Scene, type SceneOptions } from './scene.ts';
import type { ServiceName, ServiceProcess } from './service-process.ts';

/** What can be killed at a step. */
type Victim = 'service' | 'server';

/** When, and where. */
export interface FaultPoint {
  readonly victim: Victim;
  readonly side: FaultSide;
  readonly index: number;
  /** How long the server works on a step before it is met `during` that. */
  readonly delayMs?: number;
}

export function describePoint({ victim, side, index }: FaultPoint): string {
  return `the ${victim} killed ${side} step ${index}`;
}

/** Services beside one server, each behind a gate of its own, and what kills and starts them. */
export class GatedNode {
  readonly server: PostgresServer;
  readonly #scene: Scene;
  readonly #gates: ReadonlyMap<ServiceName, FaultGate>;
  readonly #extra: Readonly<Record<string, string>>;
  readonly #running = new Map<ServiceName, ServiceProcess>();

  private constructor(
    scene: Scene,
    server: PostgresServer,
    gates: ReadonlyMap<ServiceName, FaultGate>,
    extra: Readonly<Record<string, string>>,
  ) {
    this.#scene = scene;
    this.server = server;
    this.#gates = gates;
    this.#extra = extra;
  }

  static async start(
    scene: Scene,
    server: PostgresServer,
    extra: Readonly<Record<string, string>> = {},
  ): Promise<GatedNode> {
    const gates = new Map<ServiceName, FaultGate>();
    for (const service of ['publisher', 'consumer'] as const) {
      gates.set(service, await FaultGate.start(server.port));
    }
    const node = new GatedNode(scene, server, gates, extra);
    try {
      for (const service of gates.keys()) {
        await (await node.startService(service)).ready();
      }
      return node;
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
  }

  async startService(name: ServiceName): Promise<ServiceProcess> {
    const url = `postgres://${ROLE}@127.0.0.1:${this.gate(name).port}/postgres`;
    const service = await this.#scene.service(name, this.server, {
      ...this.#extra,
      SLOTCAST_POSTGRES_URL: url,
    });
    this.#running.set(name, service);
    return service;
  }

  gate(name: ServiceName): FaultGate {
    const gate = this.#gates.get(name);
    assert.ok(gate);
    return gate;
  }

  service(name: ServiceName): ServiceProcess {
    const service = this.#running.get(name);
    assert.ok(service);
    return service;
  }

  /** Kills the victim at a step of the consumer. Resolves with the step once the victim is dead; the caller starts it again. */
  async killAt(point: FaultPoint, steps: RegExp): Promise<SeenStep> {
    let met: SeenStep | undefined;
    const { victim, side, index, delayMs = 0 } = point;
    const fault = async (step: SeenStep): Promise<void> => {
      met = step;
      await sleep(delayMs);
      await (victim === 'service' ? this.service('consumer').kill() : this.server.kill());
    };
    await this.gate('consumer').arm({ steps, index, side, fault });
    assert.ok(met);
    return met;
  }

  /** Starts what is dead. */
  async revive(): Promise<void> {
    if (!this.server.isRunning) {
      await this.server.start();
    }
    for (const [name, service] of this.#running) {
      if (!service.process.isRunning) {
        await this.startService(name);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const service of this.#running.values()) {
      await service.kill();
    }
    for (const gate of this.#gates.values()) {
      await gate[Symbol.asyncDispose]();
    }
  }
}

/** A cluster whose first standby's services can be stopped between any two statements. */
export async function startGated(
  options: SceneOptions,
  extra: Readonly<Record<string, string>> = {},
): Promise<{ readonly scene: Scene; readonly node: GatedNode }> {
  const scene = await Scene.start(options);
  try {
    await (await scene.service('publisher', scene.primary)).ready();
    const node = await GatedNode.start(scene, scene.standby(), extra);
    return { scene, node };
  } catch (error) {
    await scene[Symbol.asyncDispose]();
    throw error;
  }
}

/** Waits until each slot stands on the standby exactly where it stands on the primary, and nothing is left of the work on them. */
export async function untilSettled(scene: Scene, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await scene.untilEqual(name);
  }
  let left: readonly { slot_name: string }[] = [];
  await waitUntil(
    async () => {
      left = await scene
        .standby()
        .query<{ slot_name: string }>(
          "select slot_name::text from pg_replication_slots where slot_name like 'slotcast\\_%'",
        );
      return left.length === 0;
    },
    { timeoutMs: 90_000, describe: () => `the end of ${left.map(({ slot_name: name }) => name).join(', ')}` },
  );
}

/** Waits until the standby has all WAL that there is now. */
export async function untilReceived(primary: PostgresServer, standby: PostgresServer): Promise<void> {
  await standby.waitFor<{ received: boolean }>(
    `select pg_last_wal_receive_lsn() >= '${await primary.currentLsn()}'::pg_lsn as received`,
    ([row]) => row?.received === true,
  );
}

/** Moves all slots on a primary at once to the end of its WAL, as their subscribers would. */
export async function confirmAll(
  primary: PostgresServer,
  names: readonly string[],
  database = 'postgres',
): Promise<void> {
  await primary.query("select pg_logical_emit_message(true, 'test', 'something happened')", [], database);
  await primary.query(
    'select pg_replication_slot_advance(name, pg_current_wal_flush_lsn()) from unnest($1::name[]) as name',
    [names],
    database,
  );
}

/** Confirms all slots until they are ready on all nodes, by records from after `since` if that is given. */
export async function confirmUntilReady(
  scene: Scene,
  options: {
    readonly primary: PostgresServer;
    readonly nodes: readonly string[];
    readonly names: readonly string[];
    readonly since?: number;
    readonly database?: string;
  },
): Promise<void> {
  const { primary, nodes, names, since = 0, database } = options;
  const waitsFor = (): string[] =>
    nodes.flatMap((node) =>
      names
        .map((name) => ({ name, record: scene.records.slot(node, name) }))
        .filter(({ record }) => record?.state !== 'ready' || record.time <= since)
        .map(({ name, record }) => `${name} on ${node} (${record?.state} ${whyOf(record)})`),
    );
  await waitUntil(
    async () => {
      await confirmAll(primary, names, database);
      return waitsFor().length === 0;
    },
    { intervalMs: 100, timeoutMs: 60_000, describe: () => `ready: ${waitsFor().join(', ')}` },
  );
}

/** What a node published of each slot last, as far as the topic tells now. */
async function lastPublished(scene: Scene, node: string): Promise<ReadonlyMap<string, Lsn>> {
  const last = new Map<string, Lsn>();
  const reader = await replayTopic({
    log: scene.log,
    topic: scene.topics.slots,
    onRecords: async (records) => {
      for (const record of records) {
        const event = await scene.codec.decodeSlotsRecord(record);
        const confirmed = event.kind === 'slot' ? event.state?.confirmedFlushLsn : undefined;
        if (event.kind === 'slot' && event.node === node && confirmed !== undefined) {
          last.set(event.slot, confirmed);
        }
      }
    },
    signal: AbortSignal.timeout(60_000),
  });
  await reader.close();
  return last;
}

/**
 * Waits until the hand-off on a node is on record. A service that was not there at the end of recovery, or whose server was started again, listens
 * for others of its node's name first, and leaves the consumer some time.
 */
export async function untilHandedOver(scene: Scene, node: string): Promise<Promotion> {
  let seen: Promotion | undefined;
  await waitUntil(
    () => {
      seen = scene.records.node(node)?.promotion;
      return seen !== undefined;
    },
    { describe: `the hand-off on ${node}`, timeoutMs: 120_000 },
  );
  assert.ok(seen);
  return seen;
}

/**
 * Checks that a promoted server has all slots, each where its subscriber was known to be, as far as the server has that WAL; `orEarlier` is for a
 * server that crashed after its hand-off, as a move is saved with the next checkpoint only.
 */
export async function assertHandedOver(
  scene: Scene,
  server: PostgresServer,
  options: { readonly names: readonly string[]; readonly from: string; readonly orEarlier?: boolean },
): Promise<void> {
  const { names, from, orEarlier = false } = options;
  const { lost, switchLsn } = await untilHandedOver(scene, server.name);
  assert.deepEqual(lost, []);
  const published = await lastPublished(scene, from);
  for (const name of names) {
    const confirmed = published.get(name);
    assert.ok(confirmed, `${name} was published`);
    const expected = minLsn(confirmed, switchLsn);
    const stands = parseLsn((await position(server, name)) ?? '');
    assert.ok(
      orEarlier ? stands <= expected : stands === expected,
      `${name} stands at ${formatLsn(stands)}, published was ${formatLsn(confirmed)}, recovery ended at ${formatLsn(switchLsn)}`,
    );
  }
}

/** Does the work again and again until the fault has happened; with `mayFail`, as when the primary is what is killed, whatever comes of it. */
export async function repeatUntil(
  happened: Promise<unknown>,
  work: () => Promise<void>,
  { pauseMs, mayFail }: { readonly pauseMs: number; readonly mayFail: boolean },
): Promise<void> {
  let over = false;
  const ended = happened.finally(() => {
    over = true;
  });
  while (!over) {
    await work().catch((error: unknown) => {
      if (!mayFail) {
        throw error;
      }
    });
    await sleep(pauseMs);
  }
  await ended;
}
