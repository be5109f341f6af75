import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresServer } from '@slotcast/testkit';
import { type BackendRole, backendRole, type ProcessTimes, parseProcessTimes } from './process-stat.ts';

const SAMPLE_INTERVAL_MS = 200;

/** Percent of a core by role. `ended` is what short sessions took that were never or only half seen, whoever had them. */
export type BackendShares = Readonly<Partial<Record<BackendRole | 'ended', number>>>;

interface SeenBackend {
  role: BackendRole;
  readonly fromMs: number;
  ownMs: number;
}

/**
 * Adds up what the processes of one server take, by what they do. It looks at the postmaster's children five times a second; what ended in
 * between is in what the postmaster knows of children that have ended.
 */
export class BackendTimes {
  readonly #postmaster: number;
  readonly #seen = new Map<number, SeenBackend>();
  readonly #startedAt = performance.now();
  readonly #stop = new AbortController();
  #first: ProcessTimes | undefined;
  #sampling: Promise<void> = Promise.resolve();

  private constructor(postmaster: number) {
    this.#postmaster = postmaster;
  }

  static async start(server: PostgresServer): Promise<BackendTimes> {
    const [pid] = (await readFile(join(server.dataFolder, 'postmaster.pid'), 'utf8')).split('\n');
    const times = new BackendTimes(Number(pid));
    times.#first = await readTimes(times.#postmaster);
    await times.#sample(true);
    times.#sampling = times.#run();
    return times;
  }

  async stop(): Promise<BackendShares> {
    this.#stop.abort();
    await this.#sampling;
    const alive = await this.#sample(false);
    const elapsedMs = performance.now() - this.#startedAt;
    const shares: Partial<Record<BackendRole | 'ended', number>> = {};
    let endedSeenMs = 0;
    for (const [pid, { role, fromMs, ownMs }] of this.#seen) {
      shares[role] = (shares[role] ?? 0) + (100 * (ownMs - fromMs)) / elapsedMs;
      endedSeenMs += alive.has(pid) ? 0 : ownMs;
    }
    const last = await readTimes(this.#postmaster);
    const endedMs = (last?.endedChildrenMs ?? 0) - (this.#first?.endedChildrenMs ?? 0);
    shares.ended = (100 * Math.max(0, endedMs - endedSeenMs)) / elapsedMs;
    return shares;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await sleep(SAMPLE_INTERVAL_MS);
      await this.#sample(false);
    }
  }

  /** Returns who is alive. */
  async #sample(isFirst: boolean): Promise<ReadonlySet<number>> {
    const children = await childrenOf(this.#postmaster);
    await Promise.all(children.map((pid) => this.#look(pid, isFirst)));
    return new Set(children);
  }

  async #look(pid: number, isFirst: boolean): Promise<void> {
    const times = await readTimes(pid);
    if (times === undefined) {
      return;
    }
    const known = this.#seen.get(pid);
    if (known !== undefined && known.role !== 'other') {
      known.ownMs = times.ownMs;
      return;
    }
    // A session only has its name once it has been let in.
    const role = backendRole((await readIfThere(`/proc/${pid}/cmdline`)) ?? '');
    const fromMs = known?.fromMs ?? (isFirst ? times.ownMs : 0);
    this.#seen.set(pid, { role, fromMs, ownMs: times.ownMs });
  }
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = (await readIfThere(`/proc/${pid}/task/${pid}/children`)) ?? '';
  return text.split(' ').filter(Boolean).map(Number);
}

async function readTimes(pid: number): Promise<ProcessTimes | undefined> {
  const stat = await readIfThere(`/proc/${pid}/stat`);
  return stat === undefined ? undefined : parseProcessTimes(stat);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ESRCH') {
      return undefined;
    }
    throw error;
  }
}
