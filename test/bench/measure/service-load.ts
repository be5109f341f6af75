import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresServer } from '@slotcast/testkit';
import type { ServiceProcess } from '../../support/service-process.ts';
import { type BackendShares, BackendTimes } from './backend-times.ts';
import { memoryUse, processorMs } from './processor-time.ts';

const SAMPLE_INTERVAL_MS = 1000;

/** What one service takes in a window of time. */
export interface ServiceLoad {
  /** The most that was resident in the window, in MB of 10^6 bytes. */
  readonly rssMb: number;
  /** The most since the service started. */
  readonly peakRssMb: number;
  /** Percent of one core. */
  readonly cpuPercent: number;
}

/** What everybody takes in a window of time. A server that is not running is left out. */
export interface Loads {
  readonly publisher: ServiceLoad;
  readonly consumer: ServiceLoad;
  readonly servers: Readonly<Partial<Record<ServerName, BackendShares>>>;
}

/** `standby` is the one with slotcast, `native` the one with PostgreSQL's slot sync. */
type ServerName = 'primary' | 'standby' | 'native';

export interface Measured {
  readonly publisher: ServiceProcess;
  readonly consumer: ServiceProcess;
  readonly servers: Readonly<Record<ServerName, PostgresServer>>;
}

/** Watches both services and all servers until `window` has settled. Throws what `window` throws. */
export async function measureLoads(of: Measured, window: Promise<unknown>): Promise<Loads> {
  const names = (['primary', 'standby', 'native'] as const).filter((name) => of.servers[name].isRunning);
  const backends = await Promise.all(
    names.map(async (name) => ({ name, times: await BackendTimes.start(of.servers[name]) })),
  );
  try {
    const [publisher, consumer] = await Promise.all([
      measureService(of.publisher, window),
      measureService(of.consumer, window),
    ]);
    return { publisher, consumer, servers: await shares(backends) };
  } catch (error) {
    await shares(backends);
    throw error;
  }
}

async function shares(
  backends: readonly { readonly name: ServerName; readonly times: BackendTimes }[],
): Promise<Loads['servers']> {
  return Object.fromEntries(
    await Promise.all(backends.map(async ({ name, times }) => [name, await times.stop()] as const)),
  );
}

async function measureService(service: ServiceProcess, window: Promise<unknown>): Promise<ServiceLoad> {
  const { pid } = service.process;
  const ownBefore = await processorMs(pid);
  const startedAt = performance.now();
  const rssMb = await highestRss(pid, window);
  const elapsedMs = performance.now() - startedAt;
  const ownMs = (await processorMs(pid)) - ownBefore;
  return { rssMb, peakRssMb: (await memoryUse(pid)).peakRssMb, cpuPercent: (100 * ownMs) / elapsedMs };
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
