import type { Distribution } from '../measure/distribution.ts';
import type { Loads, ServiceLoad } from '../measure/service-load.ts';
import type { LagResult } from '../parts/lag.ts';
import type { Results } from './results.ts';

/** Made-up figures for tests of what is made of figures. */
export function sampleResults(parts: Results['parts']): Results {
  const environment = {
    startedAt: '2026-01-02T03:04:05.678Z',
    postgres: '18.4',
    kafka: '4.1.2',
    node: '20.20.0',
    cores: 2,
    memoryGb: 8,
    loadBefore: 0.1,
  };
  const conditions = { environment, seconds: 10, machineBusyPercent: 50 };
  return { parts, conditions: Object.fromEntries(Object.keys(parts).map((part) => [part, conditions])) };
}

export function sampleLag(cell: {
  readonly slots: number;
  readonly mbPerSecond: number;
  readonly p50: number;
  readonly nativeP50: number;
  readonly reached?: number;
}): LagResult {
  const { slots, mbPerSecond, p50, nativeP50, reached = mbPerSecond } = cell;
  const gap = { behindPrimaryMb: 0, behindEarlierMb: 0, behindEndMb: 0 };
  return {
    slots,
    movesPerSecond: 10,
    load: { wantedMbPerSecond: mbPerSecond, mbPerSecond: reached },
    slotcast: { lagMs: spread(p50), resolutionMs: spread(2), neverArrived: 0 },
    native: { lagMs: spread(nativeP50), resolutionMs: spread(2), neverArrived: 0 },
    ratioP50: p50 / nativeP50,
    ratioP99: p50 / nativeP50,
    restart: { primaryBehindEndMb: 0, primaryJumpMb: 0, slotcast: gap, native: gap },
    loads: sampleLoads(),
  };
}

export function sampleLoads(): Loads {
  return {
    publisher: sampleService(),
    consumer: sampleService(),
    servers: { primary: { services: 1 }, standby: { services: 3 }, native: { slotsync: 4 } },
  };
}

function sampleService(): ServiceLoad {
  return { rssMb: 80, peakRssMb: 90, cpuPercent: 1.5 };
}

function spread(p50: number): Distribution {
  return { count: 100, p50, p99: 2 * p50, max: 3 * p50 };
}
