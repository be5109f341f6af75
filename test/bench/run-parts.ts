import type { BenchOptions } from './bench-options.ts';
import { BenchCluster } from './cluster/bench-cluster.ts';
import { busyPercent, machineTime } from './measure/processor-time.ts';
import { measureCatchUp } from './parts/catch-up.ts';
import { cellsOf } from './parts/cells.ts';
import { measureFloor } from './parts/floor.ts';
import { measureGrowth } from './parts/growth.ts';
import { measureMatrix } from './parts/matrix.ts';
import { measureMemory } from './parts/memory.ts';
import type { Part, PartResults } from './parts/parts.ts';
import { measurePromotion } from './parts/promotion.ts';
import { measureReady } from './parts/ready.ts';
import { measureReplay } from './parts/replay.ts';
import { measureRestart } from './parts/restart.ts';
import { measureSilence } from './parts/silence.ts';
import type { Conditions, Environment, Report } from './report/results.ts';
import { limitSeconds } from './time-limit.ts';

const PROMOTION_SLOTS = 500;
const CATCH_UP = { slots: 50, mbPerSecond: 15 };
const RESTART = { slots: 100, mbPerSecond: 15 };
const MEMORY_SLOTS = 1000;
const MANY_NEW_SLOTS = 500;
const READY_TIMEOUT_SECONDS = 60;
const MANY_READY_TIMEOUT_SECONDS = 300;

/** Parts after which a cluster is of no more use: a standby is stopped, or the topic is full of what never happened. */
const SPOILING: ReadonlySet<Part> = new Set<Part>(['growth', 'memory', 'replay']);

/** Parts that begin on a new cluster: what the services have from the parts before would count. */
const FRESH: ReadonlySet<Part> = new Set<Part>(['memory']);

type Say = (text: string) => void;

/**
 * Measures the wanted parts one after the other. A part that fails, or takes far longer than it should, does not keep the next from being
 * measured, on a new cluster.
 */
export async function runParts(options: BenchOptions, environment: Environment, say: Say): Promise<Report> {
  let parts: Partial<PartResults> = {};
  const conditions: Partial<Record<Part, Conditions>> = {};
  const failures: { part: Part; message: string }[] = [];
  await using clusters = new Clusters(options, say);
  for (const [index, part] of options.parts.entries()) {
    say(`measuring ${part} (${index + 1} of ${options.parts.length})`);
    if (FRESH.has(part)) {
      await clusters.discard();
    }
    const before = await machineTime();
    const startedAt = performance.now();
    try {
      parts = { ...parts, ...(await withinLimit(measurePart(part, clusters, options, say), part, options)) };
      conditions[part] = {
        environment,
        seconds: (performance.now() - startedAt) / 1000,
        machineBusyPercent: busyPercent(before, await machineTime()),
      };
      if (SPOILING.has(part)) {
        await clusters.discard();
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      say(`${part} failed: ${error instanceof Error ? error.stack : message}\n${await clusters.lastWords()}`);
      failures.push({ part, message });
      await clusters.discard();
    }
  }
  return { parts, conditions, failures };
}

/** The one cluster that parts share as long as nothing goes wrong. */
class Clusters {
  readonly #options: BenchOptions;
  readonly #say: Say;
  #cluster: BenchCluster | undefined;

  constructor(options: BenchOptions, say: Say) {
    this.#options = options;
    this.#say = say;
  }

  /** The cluster, with no logical slots. */
  async empty(): Promise<BenchCluster> {
    if (this.#cluster === undefined) {
      this.#say('starting a primary, two standbys and the services');
      this.#cluster = await BenchCluster.start({
        slots: mostSlots(this.#options),
        profileFolder: this.#options.profileFolder,
      });
    } else {
      await this.#cluster.dropSlots();
    }
    return this.#cluster;
  }

  async lastWords(): Promise<string> {
    return (await this.#cluster?.lastWords().catch(String)) ?? '';
  }

  async discard(): Promise<void> {
    const cluster = this.#cluster;
    this.#cluster = undefined;
    try {
      await cluster?.close();
    } catch (error) {
      this.#say(`could not close a cluster in order: ${String(error)}`);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.discard();
  }
}

function mostSlots(options: BenchOptions): number {
  const growth = options.parts.includes('growth') ? options.growthSlots : [];
  const memory = options.parts.includes('memory') ? [MEMORY_SLOTS] : [];
  return Math.max(MANY_NEW_SLOTS, ...(options.slots ?? []), ...growth, ...memory);
}

/** Rejects when the time is over; the part then fails for good as soon as its cluster is gone. */
async function withinLimit<T>(work: Promise<T>, part: Part, options: BenchOptions): Promise<T> {
  const seconds = limitSeconds(part, options);
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`gave up after ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}

async function measurePart(
  part: Part,
  clusters: Clusters,
  options: BenchOptions,
  say: Say,
): Promise<Partial<PartResults>> {
  const { seconds } = options;
  const slots = options.slots?.[0];
  const mbPerSecond = options.loads?.[0] ?? 0;
  if (part === 'promotion') {
    const rounds = options.promotionRounds;
    const wanted = { slots: slots ?? PROMOTION_SLOTS, rounds, mbPerSecond, say };
    return { promotion: await measurePromotion(wanted) };
  }
  const cluster = await clusters.empty();
  switch (part) {
    case 'matrix':
      return { matrix: await measureMatrix(cluster, { cells: cellsOf(options), seconds, say }) };
    case 'floor':
      return { floor: await measureFloor(cluster, { seconds, mbPerSecond, say }) };
    case 'silence':
      return { silence: await measureSilence(cluster, { ...options, mbPerSecond, say }) };
    case 'ready':
      return { ready: await measureReady(cluster, readyRounds(options), { mbPerSecond, say }) };
    case 'catchup': {
      const load = options.loads?.[0] ?? CATCH_UP.mbPerSecond;
      const { awaySeconds } = options;
      const wanted = { slots: slots ?? CATCH_UP.slots, mbPerSecond: load, awaySeconds, say };
      return { catchup: await measureCatchUp(cluster, wanted) };
    }
    case 'restart': {
      const load = options.loads?.[0] ?? RESTART.mbPerSecond;
      const minutes = options.restartMinutes;
      const wanted = { slots: slots ?? RESTART.slots, mbPerSecond: load, minutes, say };
      return { restart: await measureRestart(cluster, wanted) };
    }
    case 'growth':
      return {
        growth: await measureGrowth(cluster, { slots: options.growthSlots, seconds, mbPerSecond, say }),
      };
    case 'memory':
      return {
        memory: await measureMemory(cluster, { slots: slots ?? MEMORY_SLOTS, seconds, mbPerSecond, say }),
      };
    case 'replay':
      return { replay: await measureReplay(cluster, { records: options.records, say }) };
  }
}

/** One slot, fifty, and very many, whose subscribers do not manage more than once a second together. */
function readyRounds({ slots, readyRounds }: BenchOptions): Parameters<typeof measureReady>[1] {
  const some = (slots ?? [1, 50]).map((number) => ({
    slots: number,
    rounds: readyRounds,
    confirmIntervalMs: 100,
    timeoutSeconds: READY_TIMEOUT_SECONDS,
  }));
  const many = {
    slots: MANY_NEW_SLOTS,
    rounds: 1,
    confirmIntervalMs: 1000,
    timeoutSeconds: MANY_READY_TIMEOUT_SECONDS,
  };
  return slots === undefined ? [...some, many] : some;
}
