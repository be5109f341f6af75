import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  findIdleLeaders,
  type LocalSlot,
  type Lsn,
  parseLsn,
  parseSlotName,
  type SlotEvent,
  type SlotName,
  type SlotVerdict,
  timeline,
} from '@slotcast/domain';
import { type LogWriter, MemoryLog } from '@slotcast/event-log';
import type { DecodingBudget, RestartWorker, WaveLimits } from '@slotcast/following';
import { type Clock, Doorbell, type Logger, systemClock } from '@slotcast/kernel';
import type { ConsumerMetrics } from '@slotcast/observability';
import { DatabaseSessions, moveSlots, observeStandby } from '@slotcast/postgres';
import { type MovedSlots, ROLE } from './moves/moved-slots.ts';
import { emptyDirectory, NODE, NODES_TOPIC, startWorker } from './restart/restart-scene.ts';

const INCARNATION = { epoch: 1, seq: 1 };
const LOOK_MS = 20;
const READY = { state: 'ready', reasons: [], sound: true } as const;
/** As the worker's own sessions are called on the server. */
export const APPLICATION = 'slotcast-worker';

export interface WorkedOptions {
  readonly slots: Readonly<Record<string, string>>;
  readonly restartGapBytes: bigint;
  /** As the worker is told; 50 by default. */
  readonly maxReplicationSlots?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly budget?: DecodingBudget;
  readonly waveLimits?: WaveLimits;
  /** Milliseconds of decoding from which on a new leading slot is made. */
  readonly newLeaderMs?: number;
  /** What plans say of the slots that are there; ready and sound by default. */
  readonly verdict?: Omit<SlotVerdict, 'slot'>;
  /** Called with the names of all slots whenever the loop has looked at them. */
  readonly onLook?: (names: readonly string[]) => void;
}

/** A standby whose slots a RestartWorker works on, with what the consumer's loop does for it. */
export class WorkedStandby {
  readonly servers: MovedSlots;
  readonly worker: RestartWorker;
  readonly metrics: ConsumerMetrics;
  readonly #sessions: DatabaseSessions;
  readonly #stop = new AbortController();
  readonly #doorbell = new Doorbell();
  readonly #directory = emptyDirectory();
  readonly #writer: LogWriter;
  readonly #options: WorkedOptions;
  /** The restart_lsn of the primary's slots. */
  readonly #wanted = new Map<SlotName, Lsn>();
  #others: readonly SlotVerdict[] = [];
  /** So many slots were seen at once. */
  most = 0;
  #isEnding = false;
  #successor: WorkedStandby | undefined;
  #running: Promise<void> = Promise.resolve();

  private constructor(servers: MovedSlots, writer: LogWriter, options: WorkedOptions) {
    this.servers = servers;
    this.#writer = writer;
    this.#options = options;
    const url = servers.standby.url('postgres', ROLE);
    this.#sessions = new DatabaseSessions(
      { url, applicationName: 'slotcast-test' },
      () => undefined,
      this.#stop.signal,
    );
    const { worker, metrics } = startWorker({
      clock: systemClock,
      ...options,
      postgres: { url, applicationName: APPLICATION },
      directory: this.#directory,
      doorbell: this.#doorbell,
    });
    this.worker = worker;
    this.metrics = metrics;
  }

  /** Makes the slots; the servers live as long as it does. */
  static async start(servers: MovedSlots, options: WorkedOptions): Promise<WorkedStandby> {
    try {
      await servers.create('postgres', options.slots);
      return await WorkedStandby.#begin(servers, options);
    } catch (error) {
      await servers[Symbol.asyncDispose]();
      throw error;
    }
  }

  static async #begin(servers: MovedSlots, options: WorkedOptions): Promise<WorkedStandby> {
    const log = new MemoryLog();
    await log.createTopic({ topic: NODES_TOPIC, partitions: 1, replicationFactor: 1, config: new Map() });
    const standby = new WorkedStandby(servers, await log.claim('writer'), options);
    await standby.#own();
    standby.#running = standby.#loop();
    return standby;
  }

  /** Another consumer of the same standby, while this one does nothing more than to end. */
  async succeed(): Promise<WorkedStandby> {
    this.#isEnding = true;
    await this.#running;
    this.#successor = await WorkedStandby.#begin(this.servers, this.#options);
    return this.#successor;
  }

  /** Writes so much WAL, with records that let slots need less of it, and waits until it is replayed. Returns where it ends. */
  async write(mib: number): Promise<Lsn> {
    const { primary } = this.servers;
    for (let written = 0; written < mib; written += 1) {
      await primary.query("select pg_logical_emit_message(false, 'test', repeat('x', 1024 * 1024))");
    }
    await primary.query('select pg_log_standby_snapshot()');
    return await this.servers.write();
  }

  /** Where replay is, and the time on the standby's server. */
  async now(): Promise<{ readonly position: Lsn; readonly time: string }> {
    const [row] = await this.servers.standby.query<{ position: string; time: string }>(
      'select pg_last_wal_replay_lsn()::text as position, clock_timestamp()::text as time',
    );
    return { position: parseLsn(row?.position ?? ''), time: row?.time ?? '' };
  }

  /** Moves slots as their subscribers have. */
  async move(names: readonly string[], to: Lsn): Promise<void> {
    const moves = names.map((name) => ({
      name: parseSlotName(name),
      plugin: this.#options.slots[name] ?? assert.fail(name),
      target: to,
    }));
    const limits = { upTo: to, timeoutMs: 10_000 };
    const database = { name: 'postgres', oid: undefined };
    const moved = await this.#sessions.useWalsender(database, (session) => moveSlots(session, moves, limits));
    moved.forEach(({ name, kind }) => assert.equal(kind, 'moved', name));
  }

  /** From here on their slots on the primary need WAL from there on only. */
  want(names: readonly string[], from: Lsn): void {
    names.forEach((name) => this.#wanted.set(parseSlotName(name), from));
  }

  /** What plans say from here on of a slot that is not there. */
  plans(verdict: SlotVerdict): void {
    this.#others = [verdict];
  }

  /** The names of all logical slots on the standby. */
  async names(): Promise<readonly string[]> {
    const rows = await this.servers.standby.query<{ name: string }>(
      "select slot_name::text as name from pg_replication_slots where slot_type = 'logical' order by 1",
    );
    return rows.map(({ name }) => name);
  }

  /** How often this was done so far: `remake` for each slot, `restart_advance` for each attempt. */
  async done(kind: 'remake' | 'restart_advance'): Promise<number> {
    const { values } = await this.metrics.actionsTotal.get();
    return values.find(({ labels }) => labels['kind'] === kind)?.value ?? 0;
  }

  /** Ends the loop, and then the worker. */
  async close(): Promise<void> {
    this.#isEnding = true;
    await this.#running;
    await this.worker.close();
    await this.#sessions.close();
    this.#stop.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#successor?.close();
    await this.close();
    await this.servers[Symbol.asyncDispose]();
  }

  async #own(): Promise<void> {
    const ownership = { incarnation: INCARNATION, lineage: 'first', proven: true };
    const slots = Object.keys(this.#options.slots).map((name) => ({
      kind: 'node_slot' as const,
      node: NODE,
      slot: parseSlotName(name),
      role: 'standby' as const,
      ownership,
      state: 'ready' as const,
      reasons: [],
      time: 0,
    }));
    await this.#directory.write(this.#writer, { slots, time: 0 });
  }

  async #loop(): Promise<void> {
    while (!this.#isEnding) {
      await this.#round();
      await sleep(LOOK_MS);
    }
  }

  async #round(): Promise<void> {
    this.worker.looks(new Set());
    const view = await observeStandby(await this.#sessions.main());
    assert.ok(view.inRecovery);
    const { held, remaking } = this.worker.underWay(new Set());
    const local = view.slots;
    this.most = Math.max(this.most, local.length);
    this.#options.onLook?.(local.map(({ name }) => name));
    const here = new Map(local.map((slot) => [slot.name, slot]));
    const { ownership } = this.#directory;
    const desired = new Map([...this.#wanted].map(([name, at]) => [name, eventOf(name, at)]));
    const published = { desired, furthest: new Map<SlotName, Lsn>(), waiting: new Map<SlotName, never>() };
    const idleLeaders = findIdleLeaders({ ...published, local, ownership, remaking, held }, here);
    const settings = { slotLimits: {}, maxReplicationSlots: this.#options.maxReplicationSlots ?? 50 };
    this.worker.planned({
      view: { ...view, settings },
      plan: {
        verdicts: [...this.#verdicts(here), ...this.#others],
        idleProbes: [],
        idleLeaders,
        idleAnchor: false,
      },
      desired,
      urgent: false,
    });
    for (const leader of idleLeaders) {
      await this.#sessions.drop(leader);
    }
    await this.worker.record(this.#writer);
    if (this.worker.searching) {
      await this.servers.primary.query('select pg_log_standby_snapshot()');
    }
  }

  #verdicts(here: ReadonlyMap<SlotName, LocalSlot>): readonly SlotVerdict[] {
    return Object.keys(this.#options.slots)
      .map((name) => parseSlotName(name))
      .filter((slot) => here.has(slot))
      .map((slot) => ({ slot, ...(this.#options.verdict ?? READY) }));
  }
}

/** Its slot on the primary needs WAL from there on. */
function eventOf(slot: SlotName, restartLsn: Lsn): SlotEvent {
  return {
    kind: 'slot',
    op: 'update',
    slot,
    node: 'primary',
    timeline: timeline(1),
    incarnation: INCARNATION,
    epoch: 1,
    seq: 2,
    lsn: restartLsn,
    time: 0,
    state: {
      name: slot,
      type: 'logical',
      plugin: 'test_decoding',
      database: 'postgres',
      databaseOid: 5,
      twoPhase: false,
      failover: false,
      synced: false,
      restartLsn,
      confirmedFlushLsn: restartLsn,
      catalogXmin: 750,
      walStatus: 'reserved',
      active: true,
    },
  };
}
