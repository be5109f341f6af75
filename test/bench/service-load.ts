import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresServer } from '@slotcast/testkit';
import type { ServiceProcess } from '../support/service-process.ts';
import { memoryUse, processorMs, sessionsOfServices } from './processor-time.ts';

const SAMPLE_INTERVAL_MS = 1000;

/** What one service takes in a window of time. */
export interface ServiceLoad {
  /** The most that was resident in the window, in MB of 10^6 bytes. */
  readonly rssMb: number;
  /** The most since the service started. */
  readonly peakRssMb: number;
  /** Percent of one core. */
  readonly cpuPercent: number;
  /** Percent of one core that its sessions take on its PostgreSQL server. */
  readonly sessionsCpuPercent: number;
}

/** Watches a service, and its sessions on the server beside it, until `window` has settled. Throws what `window` throws. */
export async function measureLoad(
  service: ServiceProcess,
  server: PostgresServer,
  window: Promise<unknown>,
): Promise<ServiceLoad> {
  const { pid } = service.process;
  const sessionsBefore = await sessionTimes(server);
  const ownBefore = await processorMs(pid);
  const startedAt = performance.now();
  const rssMb = await highestRss(pid, window);
  const elapsedMs = performance.now() - startedAt;
  const ownMs = (await processorMs(pid)) - ownBefore;
  const sessionsAfter = await sessionTimes(server);
  const sessionsMs = [...sessionsAfter].map(([session, ms]) => ms - (sessionsBefore.get(session) ?? 0));
  return {
    rssMb,
    peakRssMb: (await memoryUse(pid)).peakRssMb,
    cpuPercent: (100 * ownMs) / elapsedMs,
    sessionsCpuPercent: (100 * sessionsMs.reduce((sum, ms) => sum + ms, 0)) / elapsedMs,
  };
}

async function highestRss(pid: number, window: Promise<unknown>): Promise<number> {
  let highest = 0;
  for (;;) {
    const isOver = await Promise.race([
      window.then(() => true),
      sleep(SAMPLE_INTERVAL_MS, false, { ref: false }),
    ]);
    highest = Math.max(highest, (await memoryUse(pid)).rssMb);
    if (isOver) {
      return highest;
    }
  }
}

/** Processor time of each session so far. One that ends meanwhile is left out. */
async function sessionTimes(server: PostgresServer): Promise<ReadonlyMap<number, number>> {
  const times = new Map<number, number>();
  for (const session of await sessionsOfServices(server)) {
    try {
      times.set(session, await processorMs(session));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
        throw error;
      }
    }
  }
  return times;
}
